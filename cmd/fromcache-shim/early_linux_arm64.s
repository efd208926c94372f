#include "textflag.h"

// The entry of the program where it was built with early/early.c, see the script build: all as the kernel left it for Go, save
// that early.c may put variables at the end of the environment. What is before them moves down, and the stack begins there.
TEXT early(SB),NOSPLIT|NOFRAME,$0
	MOVD RSP, R0
	BL earlymain(SB)
	CBZ R0, go
	MOVD RSP, R2
	SUB $16, R2, R3
	MOVD R3, RSP
move:
	MOVD.P 8(R2), R4
	MOVD.P R4, 8(R3)
	SUB $1, R0
	CBNZ R0, move
	MOVD R1, 0(R3)
	ADD $13, R1
	MOVD R1, 8(R3)
go:
	JMP _rt0_arm64_linux(SB)
