/*
 * What runs before the Go runtime.
 *
 * The program begins here, see early_linux_amd64.s. earlymain looks at the environment and at what this process may have, and
 * either returns, and Go begins, or becomes the real tool, untouched and unasked:
 *
 *   - No cache is set. Then Go has nothing to do, and its start would be all that a call costs.
 *   - Go can't start, for want of address space, memory, threads, descriptors or stack: ulimit -v, -d, -u, -n and -s, a limit of
 *     processes in a control group. Its runtime ends such a call with a traceback, where the tool itself had enough.
 *   - Standard output or error is closed. Go's runtime would open /dev/null for it, and the tool would not notice.
 *
 * Variables of Go's own runtime are hidden from it, and Main shows them to the tool again: a GOMEMLIMIT or GODEBUG that is meant for
 * another program, or is wrong, would end this one. Go gets a GOMAXPROCS of its own: one processor starts sooner, and needs fewer
 * threads, which an exec has to end.
 *
 * The tool is found as package shim/realtool finds it; where that takes more than is done here, Go decides. There is no
 * libc, no memory but the stack, and no data that can be written: this is linked to one piece that runs wherever it lies.
 */
typedef unsigned long word;

struct file {
	word dev, ino;
#if defined(__x86_64__)
	word nlink;
	unsigned mode, rest[29];
#elif defined(__aarch64__)
	unsigned mode, rest[27];
#endif
};

#if defined(__x86_64__)
enum { CLOSE = 3, MMAP = 9, MUNMAP = 11, SIGPROCMASK = 14, DUP = 32, FCNTL = 72, EXECVE = 59, EXIT_GROUP = 231, WRITE = 1, FUTEX = 202, OPENAT = 257, FSTATAT = 262, PRLIMIT = 302 };

static long sys(long n, word a, word b, word c, word d, word e, word f)
{
	register word r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
	long r;
	__asm__ volatile("syscall" : "=a"(r) : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
	return r;
}

/* thread starts a thread that waits for *go and ends. It has no stack: it makes no call, and takes no signal, see has_threads. */
static long thread(word flags, int *go)
{
	register int *r12 __asm__("r12") = go;
	long r;
	__asm__ volatile("syscall\n\ttest %%rax, %%rax\n\tjnz 2f\n"
		"1:\tmov $202, %%eax\n\tmov %%r12, %%rdi\n\txor %%esi, %%esi\n\txor %%edx, %%edx\n\txor %%r10d, %%r10d\n\tsyscall\n"
		"\tcmpl $0, (%%r12)\n\tje 1b\n\tmov $60, %%eax\n\txor %%edi, %%edi\n\tsyscall\n2:"
		: "=a"(r) : "a"(56), "D"(flags), "S"(0), "d"(0), "r"(r12) : "rcx", "r10", "r11", "r8", "r9", "memory");
	return r;
}
#elif defined(__aarch64__)
enum { CLOSE = 57, MMAP = 222, MUNMAP = 215, SIGPROCMASK = 135, DUP = 23, FCNTL = 25, EXECVE = 221, EXIT_GROUP = 94, WRITE = 64, FUTEX = 98, OPENAT = 56, FSTATAT = 79, PRLIMIT = 261 };

static long sys(long n, word a, word b, word c, word d, word e, word f)
{
	register word x8 __asm__("x8") = n, x0 __asm__("x0") = a, x1 __asm__("x1") = b, x2 __asm__("x2") = c, x3 __asm__("x3") = d, x4 __asm__("x4") = e, x5 __asm__("x5") = f;
	__asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
	return x0;
}

static long thread(word flags, int *go)
{
	register word x8 __asm__("x8") = 220, x0 __asm__("x0") = flags, x1 __asm__("x1") = 0, x2 __asm__("x2") = 0, x3 __asm__("x3") = 0, x4 __asm__("x4") = 0;
	register int *x9 __asm__("x9") = go;
	__asm__ volatile("svc 0\n\tcbnz x0, 2f\n"
		"1:\tmov x8, #98\n\tmov x0, x9\n\tmov x1, #0\n\tmov x2, #0\n\tmov x3, #0\n\tsvc 0\n"
		"\tldr w10, [x9]\n\tcbz w10, 1b\n\tmov x8, #93\n\tmov x0, #0\n\tsvc 0\n2:"
		: "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x9) : "x10", "memory");
	return x0;
}
#endif

enum { CWD = -100, TOO_BIG = -7, NO_EXEC = -8 };

static word length(const char *s)
{
	word n = 0;
	while (s[n])
		n++;
	return n;
}

/* after returns what follows prefix in s, 0 where s does not begin so. */
static const char *after(const char *s, const char *prefix)
{
	for (; *prefix; s++, prefix++)
		if (*s != *prefix)
			return 0;
	return s;
}

static const char *base(const char *path)
{
	const char *b = path;
	for (; *path; path++)
		if (*path == '/')
			b = path + 1;
	return b;
}

/* tool_of returns the tool that a path says, 0 for none. */
static const char *tool_of(const char *path)
{
	const char *name = base(path), *rest;
	if ((rest = after(name, "curl")) && (!*rest || (after(rest, "fromcache") && !rest[9])))
		return "curl";
	if ((rest = after(name, "wget")) && (!*rest || (after(rest, "fromcache") && !rest[9])))
		return "wget";
	return 0;
}

/* variable returns the value of a variable, whose name ends with =. */
static const char *variable(char **env, const char *name)
{
	const char *value;
	for (; *env; env++)
		if ((value = after(*env, name)))
			return value;
	return 0;
}

/* is_setting reports whether a variable may change what Go does. */
static int is_setting(const char *kv)
{
	return after(kv, "FROMCACHE_") || after(kv, "CURLFROMCACHE_") || after(kv, "WGETFROMCACHE_") || after(kv, "REAL_CURL=") || after(kv, "REAL_WGET=");
}

/* What Go wants at its start, measured with Go 1.26, and half as much again. */
enum {
	ADDRESSES = 1792 << 20, /* it reserves 1.2 GiB, and uses next to nothing of it */
	MEMORY = 64 << 20,   /* private and writable, what ulimit -d limits */
	STACK = 64 << 10,
	DESCRIPTORS = 8,
	THREADS = 5, /* 3 were counted; the more of them there are, the longer each call takes */
};

static word map(word size, int protection)
{
	word at = sys(MMAP, 0, size, protection, 0x22 /* private, anonymous */, -1, 0);
	return at > -4096UL ? 0 : at;
}

static int has_memory(word size, int protection)
{
	word at = map(size, protection);
	if (at)
		sys(MUNMAP, at, size, 0, 0, 0, 0);
	return at != 0;
}

static int has_descriptors(void)
{
	long fd[DESCRIPTORS];
	int n = 0;
	fd[0] = sys(OPENAT, CWD, (word)"/", 0x80000 /* close on exec */, 0, 0, 0);
	if (fd[0] >= 0)
		for (n = 1; n < DESCRIPTORS && (fd[n] = sys(DUP, fd[0], 0, 0, 0, 0, 0)) >= 0;)
			n++;
	for (int i = 0; i < n; i++)
		sys(CLOSE, fd[i], 0, 0, 0, 0, 0);
	return n == DESCRIPTORS;
}

/*
 * has_threads starts that many threads, and lets them end. It does not wait until they have, because on a busy machine each has to wait
 * for its turn; so what they look at is a page that stays. Go, whose own threads they may leave no room for, tries for a fifth of a second.
 * It may have handlers of signals by then, so they block all.
 */
static int has_threads(void)
{
	const word flags = 0x100 | 0x200 | 0x400 | 0x800 | 0x40000 | 0x10000; /* what a Go runtime asks for */
	const word all = -1UL;
	word mask = 0;
	int *go = (int *)map(sizeof *go, 3), n;
	if (!go)
		return 0;
	sys(SIGPROCMASK, 2 /* set */, (word)&all, (word)&mask, sizeof mask, 0, 0);
	for (n = 0; n < THREADS && thread(flags, go) > 0;)
		n++;
	sys(SIGPROCMASK, 2, (word)&mask, 0, sizeof mask, 0, 0);
	*(volatile int *)go = 1;
	sys(FUTEX, (word)go, 1 /* wake */, THREADS, 0, 0, 0);
	return n == THREADS;
}

/* streams_open reports whether standard output and error are there. Standard input does not matter to what a cache answers. */
static int streams_open(void)
{
	return sys(FCNTL, 1, 1 /* get flags */, 0, 0, 0, 0) >= 0 && sys(FCNTL, 2, 1, 0, 0, 0, 0) >= 0;
}

/* go_can_start tries out what Go will want: that is surer than to read limits, of which there are many. */
static int go_can_start(void)
{
	word stack[2] = {0, 0};
	sys(PRLIMIT, 0, 3, 0, (word)stack, 0, 0);
	return stack[0] >= STACK && has_memory(ADDRESSES, 0) && has_memory(MEMORY, 3) && has_descriptors() && has_threads();
}

/* search is one search for the real tool. */
struct search {
	word *argc; /* and behind it argv, whose first is the path that is tried */
	char **given, **env;
	int room;          /* for the mark of what was tried */
	char *mark, *end;  /* "FROMCACHE_TRIED=", and device and inode in hexadecimal of each */
};

static char *hex(char *to, word n)
{
	int digits = 1;
	for (word m = n >> 4; m; m >>= 4)
		digits++;
	for (int i = digits; i-- > 0; n >>= 4)
		to[i] = "0123456789abcdef"[n & 15];
	return to + digits;
}

/* add notes a file as tried; it returns 0 where it was before, or where there is no room. */
static int add(struct search *s, const struct file *f)
{
	char id[36], *p = hex(id, f->dev);
	*p++ = ':';
	p = hex(p, f->ino);
	*p = 0;
	word n = p - id;
	for (char *m = s->mark; m < s->end; m++) {
		const char *rest = (m[-1] == ' ' || m[-1] == '=') ? after(m, id) : 0;
		if (rest && (*rest == ' ' || !*rest))
			return 0;
	}
	if (s->room < (int)n + 2)
		return 0;
	s->room -= n + 1;
	if (s->end[-1] != '=')
		*s->end++ = ' ';
	for (word i = 0; i <= n; i++)
		s->end[i] = id[i];
	s->end += n;
	return 1;
}

/* become replaces this process, by sh where the file is a script that names no interpreter. */
static long become(struct search *s, char **env)
{
	char **argv = (char **)s->argc + 1;
	long r = sys(EXECVE, (word)argv[0], (word)argv, (word)env, 0, 0, 0);
	if (r == NO_EXEC) {
		word argc = *s->argc;
		*s->argc = (word)"/bin/sh";
		r = sys(EXECVE, *s->argc, (word)s->argc, (word)env, 0, 0, 0);
		*s->argc = argc;
	}
	return r;
}

/* attempt becomes the file at a path, if it is one that can be executed and that no shim has been or become. */
static void attempt(struct search *s, char *path)
{
	struct file f;
	if (sys(FSTATAT, CWD, (word)path, (word)&f, 0, 0, 0) < 0 || (f.mode & 0170000) != 0100000 || !(f.mode & 0111) || !add(s, &f))
		return;
	((char **)s->argc)[1] = path;
	if (become(s, s->env) == TOO_BIG)
		become(s, s->given);
}

/* attempt_all goes through a list of directories as execvp does. Its path is on the stack once, which may be small. */
__attribute__((noinline)) static void attempt_all(struct search *s, const char *list, const char *name)
{
	char path[4096];
	for (;; list++) {
		word n = 0, m = length(name);
		for (; *list && *list != ':'; list++)
			if (n < sizeof path)
				path[n++] = *list;
		if (!n)
			path[n++] = '.';
		if (path[n - 1] == '/')
			n--;
		if (n + m + 2 <= sizeof path) {
			path[n++] = '/';
			for (word i = 0; i <= m; i++)
				path[n + i] = name[i];
			attempt(s, path);
		}
		if (!*list)
			return;
	}
}

#define DEFAULT_PATH "/usr/local/bin:/usr/bin:/bin"

static void attempt_tool(struct search *s, const char *tool)
{
	const char *real = variable(s->given, tool[0] == 'c' ? "REAL_CURL=" : "REAL_WGET="), *path = variable(s->given, "PATH=");
	if (!path)
		path = DEFAULT_PATH;
	if (real && base(real) != real)
		attempt(s, (char *)real);
	else if (real && *real)
		attempt_all(s, path, real);
	attempt_all(s, path, tool);
	attempt_all(s, DEFAULT_PATH, tool);
}

static void say(const char *text) { sys(WRITE, 2, (word)text, length(text), 0, 0, 0); }

/* no_tool says that there is none, and ends as Go would. */
static void no_tool(const char *tool)
{
	say(tool[0] == 'c' ? "fromcache: no real curl on PATH, nor in " DEFAULT_PATH "; set REAL_CURL to its path\n"
			   : "fromcache: no real wget on PATH, nor in " DEFAULT_PATH "; set REAL_WGET to its path\n");
	sys(EXIT_GROUP, 127, 0, 0, 0, 0, 0);
}

enum { MOST_VARIABLES = 4000, MARK = 2048 };

/* become_tool becomes the real tool; it returns where that is a case for Go. */
static void become_tool(word *argc, char **env, int variables, const char *tool, const char *self)
{
	char *marked[variables + 2], mark[MARK];
	struct file f;
	struct search s = {.argc = argc, .given = env, .env = marked, .mark = mark, .end = mark};
	const char *name = "FROMCACHE_TRIED=", *tried = variable(env, name);
	if (tried && length(tried) > MARK / 2)
		return;
	for (; *name; name++)
		*s.end++ = *name;
	s.mark = s.end;
	for (; tried && *tried; tried++)
		*s.end++ = *tried;
	s.room = mark + MARK - s.end;
	*s.end = 0;
	if (sys(FSTATAT, CWD, (word)"/proc/self/exe", (word)&f, 0, 0, 0) < 0 && (!self || sys(FSTATAT, CWD, (word)self, (word)&f, 0, 0, 0) < 0))
		return;
	add(&s, &f);
	int n = 0;
	for (char **kv = env; *kv; kv++)
		if (!after(*kv, "FROMCACHE_TRIED="))
			marked[n++] = *kv;
	marked[n++] = mark;
	marked[n] = 0;
	attempt_tool(&s, tool);
}

/* begin is what the entry does before Go begins: it moves so many words down by two, and puts two variables behind them. */
struct begin {
	word words;
	const char *variables;
};

/* OWN is these variables: the second, by which Main knows that the first is ours, is FIRST bytes behind it. */
#define OWN "GOMAXPROCS=1\0\1"
enum { FIRST = 13 }; /* in early_linux_*.s, too */
_Static_assert(sizeof OWN == FIRST + 2, "FIRST");

/* go has the runtime begin with a variable of our own. It hides the user's by another first letter. */
static struct begin go(word *argc, char **env)
{
	struct begin b = {1 + *argc + 1, OWN};
	for (; *env; env++, b.words++)
		if (after(*env, "GODEBUG=") || after(*env, "GOGC=") || after(*env, "GOMAXPROCS=") || after(*env, "GOMEMLIMIT=") || after(*env, "GOTRACEBACK="))
			**env = 1;
	return b;
}

/* executed is the path that was given to execve, which the kernel leaves in the auxiliary vector behind the environment. */
static const char *executed(word *auxiliary)
{
	for (; auxiliary[0]; auxiliary += 2)
		if (auxiliary[0] == 31)
			return (const char *)auxiliary[1];
	return 0;
}

/* say_why tells who wants to be told why a call passes. */
static void say_why(char **env, const char *tool, int streams)
{
	const char *loud = variable(env, "FROMCACHE_VERBOSE=");
	if (!loud || !*loud || *loud == '0' || variable(env, "FROMCACHE_TRIED="))
		return;
	say(tool[0] == 'c' ? "fromcache: curl: pass: " : "fromcache: wget: pass: ");
	say(streams ? "the limits of this process are too low to ask\n" : "standard output or error is closed\n");
}

__attribute__((section(".text.first"))) struct begin earlymain(word *argc)
{
	char **argv = (char **)argc + 1, **env = argv + *argc + 1, *called = argv[0];
	int variables = 0, set = 0, streams = streams_open();
	if (!*argc)
		return (struct begin){0, 0};
	for (; env[variables]; variables++)
		set = set || is_setting(env[variables]);
	const char *self = executed((word *)(env + variables + 1)), *tool = tool_of(called);
	if (variables > MOST_VARIABLES || (!set && !tool) || (set && streams && go_can_start()))
		return go(argc, env);
	if (!tool && self)
		tool = tool_of(self); /* a name of another kind: Go would look closer */
	if (!tool)
		return go(argc, env);
	if (set)
		say_why(env, tool, streams);
	become_tool(argc, env, variables, tool, self);
	argv[0] = called;
	if (set)
		no_tool(tool);
	return go(argc, env);
}
