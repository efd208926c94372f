#include "textflag.h"

// The entry of the program where it was built with early/early.c, see the script build: all as the kernel left it for Go.
TEXT early(SB),NOSPLIT|NOFRAME,$0
	MOVD RSP, R0
	BL earlymain(SB)
	JMP _rt0_arm64_linux(SB)
