#include "textflag.h"

// The entry of the program where it was built with early/early.c, see the script build: all as the kernel left it for Go, save
// that early.c may put variables at the end of the environment. What is before them moves down, and the stack begins there.
TEXT early(SB),NOSPLIT|NOFRAME,$0
	MOVQ SP, DI
	MOVQ SP, BX
	ANDQ $~15, SP
	CALL earlymain(SB)
	MOVQ BX, SP
	TESTQ AX, AX
	JEQ go
	MOVQ AX, CX
	MOVQ BX, SI
	LEAQ -16(BX), DI
	MOVQ DI, SP
	CLD
	REP; MOVSQ
	MOVQ DX, 0(DI)
	ADDQ $13, DX
	MOVQ DX, 8(DI)
go:
	JMP _rt0_amd64_linux(SB)
