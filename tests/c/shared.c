/* A driver that reads KUSER_SHARED_DATA and CR8 in DriverEntry, in the forms that compilers emit. */
#include "specimen.h"

#define SHARED 0xfffff78000000000
#define FIELD(type, offset) (*(volatile type *)(SHARED + (offset)))

static NOINLINE void forms(void)
{
    ULONG64 base = SHARED, wide = ~0ULL, index = 0x26c / 4;
    ULONG narrow = 0, flags = 0;
    USHORT word = 0;
    DECLSPEC_ALIGN(16) ULONG vector[4];
    DbgPrint("version %u.%u build %u product %u\n", FIELD(ULONG, 0x26c), FIELD(ULONG, 0x270), FIELD(ULONG, 0x260),
             FIELD(UCHAR, 0x264));
    DbgPrint("root %wc %S\n", FIELD(WCHAR, 0x30), L"wide");
    /* A 32-bit load clears the upper half, a 16-bit one leaves the rest. */
    __asm__ volatile("movl 0x260(%1), %k0" : "+r"(wide) : "r"(base));
    DbgPrint("mov32 %I64x\n", wide);
    wide = ~0ULL;
    __asm__ volatile("movw 0x26c(%1), %w0" : "+r"(wide) : "r"(base));
    DbgPrint("mov16 %I64x\n", wide);
    __asm__ volatile("movb 0x30(%1), %%ah" : "=a"(narrow) : "r"(base), "a"(0));
    DbgPrint("mov8 %x\n", narrow);
    __asm__ volatile("movzwl 0x30(%1), %0" : "=r"(narrow) : "r"(base));
    __asm__ volatile("movswq 0x260(%1), %0" : "=r"(wide) : "r"(base));
    DbgPrint("extended %x %I64x\n", narrow, wide);
    __asm__ volatile("movl (%1,%2,4), %0" : "=r"(narrow) : "r"(base), "r"(index));
    DbgPrint("indexed %u\n", narrow);
    __asm__ volatile("movabsl 0xfffff78000000260, %%eax" : "=a"(narrow));
    DbgPrint("absolute %u\n", narrow);
    __asm__ volatile("cmpl $10, 0x26c(%2); sete %b0; setb %b1" : "+q"(narrow), "+q"(flags) : "r"(base));
    DbgPrint("compare %u %u\n", (UCHAR)narrow, (UCHAR)flags);
    __asm__ volatile("cmpb $2, 0x264(%2); sete %b0; setb %b1" : "+q"(narrow), "+q"(flags) : "r"(base));
    DbgPrint("compare8 %u %u\n", (UCHAR)narrow, (UCHAR)flags);
    word = 0xffff;
    __asm__ volatile("testw %w1, 0x264(%2); setne %b0" : "+q"(narrow) : "r"(word), "r"(base));
    narrow = (UCHAR)narrow;
    flags = 5;
    __asm__ volatile("addl 0x26c(%1), %0" : "+r"(flags) : "r"(base));
    DbgPrint("test %u add %u\n", narrow, flags);
    __asm__ volatile("movups 0x260(%1), %%xmm3; movaps %%xmm3, %0" : "=m"(vector) : "r"(base) : "xmm3");
    DbgPrint("vector %u %u %u %u\n", vector[0], vector[1], vector[2], vector[3]);
}

NTSTATUS DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING path)
{
    LARGE_INTEGER tick, now, interval;
    KIRQL before;
    ULONG64 irql;
    forms();
    interval.QuadPart = -10000000;
    KeDelayExecutionThread(KernelMode, FALSE, &interval);
    tick.QuadPart = FIELD(LONG64, 0x320);
    now.QuadPart = FIELD(LONG64, 0x8);
    DbgPrint("ticks %I64d interrupt %I64d\n", tick.QuadPart, now.QuadPart);
    before = KeRaiseIrqlToDpcLevel();
    __asm__ volatile("movq %%cr8, %0" : "=r"(irql));
    DbgPrint("irql %u %u\n", before, (ULONG)irql);
    __asm__ volatile("movq %0, %%cr8" : : "r"((ULONG64)before));
    DbgPrint("irql %u\n", KeGetCurrentIrql());
#ifdef UNPLAYED
    DbgPrint("unplayed %u\n", FIELD(ULONG, 0xf00));
#endif
    driver->DriverUnload = NULL;
    (void)path;
    return STATUS_SUCCESS;
}
