#include "textflag.h"

// The entry of the program where it was built with early/early.c, see the script build: all as the kernel left it for Go.
TEXT early(SB),NOSPLIT|NOFRAME,$0
	MOVQ SP, DI
	MOVQ SP, BX
	ANDQ $~15, SP
	CALL earlymain(SB)
	MOVQ BX, SP
	JMP _rt0_amd64_linux(SB)
