/*
 * A driver that raises and handles exceptions in DriverEntry and prints what happened, one line per case.
 * With UNHANDLED it ends with one that nobody handles.
 */
#include "specimen.h"

static volatile ULONG zero, sink;

/* Where it goes, letter by letter. */
static char trail[32];
static ULONG steps;

static void step(char letter)
{
    trail[steps++] = letter;
    trail[steps] = 0;
}

static void report(const char *name)
{
    DbgPrint("%s %s\n", name, trail);
    steps = 0;
    trail[0] = 0;
}

/* The compiler may not know that it never returns: it would take the handlers around a __finally away. */
static NOINLINE void raise(NTSTATUS status)
{
    if (zero == 0)
        ExRaiseStatus(status);
}

static NOINLINE ULONG read(volatile ULONG *address)
{
    return *address;
}

static NOINLINE void write(volatile ULONG *address)
{
    *address = 1;
}

/* The filter sees code, flags and parameters. */
static LONG show(const char *name, EXCEPTION_POINTERS *pointers)
{
    EXCEPTION_RECORD *record = pointers->ExceptionRecord;
    DbgPrint("%s code %x flags %x parameters %u %I64x %I64x\n", name, record->ExceptionCode, record->ExceptionFlags,
             record->NumberParameters, record->ExceptionInformation[0], record->ExceptionInformation[1]);
    return EXCEPTION_EXECUTE_HANDLER;
}

static LONG only(NTSTATUS wanted, NTSTATUS code)
{
    step(wanted == code ? 'y' : 'n');
    return wanted == code ? EXCEPTION_EXECUTE_HANDLER : EXCEPTION_CONTINUE_SEARCH;
}

static void nested_search(void)
{
    __try {
        __try {
            raise(STATUS_NO_MEMORY);
        } __except (only(STATUS_CANCELLED, GetExceptionCode())) {
            step('1');
        }
        step('2');
    } __except (only(STATUS_NO_MEMORY, GetExceptionCode())) {
        step('3');
    }
    report("search");
}

static NOINLINE void finally_inside(BOOLEAN fail)
{
    __try {
        __try {
            step('a');
            if (fail)
                raise(STATUS_CANCELLED);
        } __finally {
            step(AbnormalTermination() ? 'b' : 'B');
        }
    } __finally {
        step(AbnormalTermination() ? 'c' : 'C');
    }
    step('d');
}

static void finally(void)
{
    finally_inside(FALSE);
    report("finally-normal");
    __try {
        finally_inside(TRUE);
    } __except (step('f'), EXCEPTION_EXECUTE_HANDLER) {
        step('h');
    }
    report("finally-abnormal");
}

/* An exception in a termination block takes the place of the first one. */
static void collided(void)
{
    __try {
        __try {
            __try {
                raise(STATUS_CANCELLED);
            } __finally {
                step('1');
                raise(STATUS_NO_MEMORY);
            }
        } __finally {
            step('2');
        }
    } __except (step(GetExceptionCode() == STATUS_NO_MEMORY ? 'm' : 'c'), EXCEPTION_EXECUTE_HANDLER) {
        step('3');
    }
    report("collided");
}

/* A termination block that handles an exception of its own lets the first one go on. */
static void inside_finally(void)
{
    __try {
        __try {
            raise(STATUS_CANCELLED);
        } __finally {
            __try {
                raise(STATUS_NO_MEMORY);
            } __except (EXCEPTION_EXECUTE_HANDLER) {
                step('i');
            }
            step('e');
        }
    } __except (step(GetExceptionCode() == STATUS_CANCELLED ? 'c' : 'm'), EXCEPTION_EXECUTE_HANDLER) {
        step('o');
    }
    report("inside-finally");
}

static LONG handles_its_own(void)
{
    __try {
        raise(STATUS_NO_MEMORY);
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        step('f');
    }
    return EXCEPTION_EXECUTE_HANDLER;
}

/* An exception in a filter that the filter handles itself. */
static void inside_filter(void)
{
    __try {
        raise(STATUS_CANCELLED);
    } __except (handles_its_own()) {
        step('h');
    }
    report("inside-filter");
}

static ULONG rounds;

static LONG raises_once(void)
{
    step('f');
    if (rounds++ == 0)
        raise(STATUS_NO_MEMORY);
    return EXCEPTION_EXECUTE_HANDLER;
}

/* An exception that leaves a filter: the frames are asked once more, for the nested exception. */
static void out_of_filter(void)
{
    rounds = 0;
    __try {
        raise(STATUS_CANCELLED);
    } __except (raises_once()) {
        step(GetExceptionCode() == STATUS_NO_MEMORY ? 'm' : 'c');
    }
    report("out-of-filter");
}

/* An exception in the block that handles one. */
static void inside_except(void)
{
    __try {
        __try {
            raise(STATUS_CANCELLED);
        } __except (EXCEPTION_EXECUTE_HANDLER) {
            step('1');
            raise(STATUS_NO_MEMORY);
        }
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        step(GetExceptionCode() == STATUS_NO_MEMORY ? 'm' : 'c');
    }
    report("inside-except");
}

static NOINLINE void deep(ULONG depth)
{
    __try {
        if (depth == 0)
            raise(STATUS_CANCELLED);
        deep(depth - 1);
    } __finally {
        rounds++;
    }
}

static LONG skip_breakpoint(EXCEPTION_POINTERS *pointers)
{
    if (pointers->ExceptionRecord->ExceptionCode != STATUS_BREAKPOINT)
        return EXCEPTION_CONTINUE_SEARCH;
    pointers->ContextRecord->Rip += 1;
    pointers->ContextRecord->Rax = 42;
    return EXCEPTION_CONTINUE_EXECUTION;
}

static NOINLINE ULONG continued(void)
{
    ULONG answer;
    __asm__ volatile("xorl %%eax, %%eax; int3" : "=a"(answer));
    return answer;
}

static void continuing(void)
{
    __try {
        DbgPrint("continued %u\n", continued());
    } __except (skip_breakpoint(GetExceptionInformation())) {
        DbgPrint("not continued\n");
    }
}

/* The registers that a function must preserve are what they were, also when it is left by an exception. */
static NOINLINE void change_registers(void)
{
    __asm__ volatile("xorps %%xmm6, %%xmm6; xorps %%xmm15, %%xmm15; xorl %%ebx, %%ebx; xorl %%r15d, %%r15d"
                     ::: "xmm6", "xmm7", "xmm8", "xmm15", "rbx", "rsi", "rdi", "r12", "r13", "r14", "r15", "memory");
    raise(STATUS_CANCELLED);
}

static NOINLINE void change_and_handle(void)
{
    __try {
        change_registers();
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        step('h');
    }
}

static void registers(void)
{
    ULONG64 six, fifteen, rbx, r15;
    __asm__ volatile("movq $6, %%rbx; movq %%rbx, %%xmm6; movq $15, %%rbx; movq %%rbx, %%xmm15; movq $15, %%r15; movq $3, %%rbx;"
                     "subq $32, %%rsp; call *%4; addq $32, %%rsp;"
                     "movq %%xmm6, %0; movq %%xmm15, %1; movq %%rbx, %2; movq %%r15, %3"
                     : "=&S"(six), "=&D"(fifteen), "=&r"(rbx), "=&r"(r15)
                     : "a"(change_and_handle)
                     : "rbx", "r15", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm15", "rcx", "rdx",
                       "r8", "r9", "r10", "r11", "memory");
    DbgPrint("registers %u %u %u %u\n", (ULONG)six, (ULONG)fifteen, (ULONG)rbx, (ULONG)r15);
    steps = 0;
}

static NOINLINE ULONG divide(volatile ULONG by)
{
    return 100 / by;
}

static NOINLINE LONG divide_signed(volatile LONG *of, volatile LONG *by)
{
    return *of / *by;
}

#define FAULT(name, action) \
    __try { \
        action; \
        DbgPrint("%s went on\n", name); \
    } __except (show(name, GetExceptionInformation())) { \
        step('h'); \
    }

static void faults(void)
{
    ULONG buffer[4];
    LONG least = (LONG)0x80000000, minus = -1;
    FAULT("read", read((ULONG *)0x10));
    FAULT("write", write((ULONG *)0x20));
    FAULT("copy", RtlCopyMemory(buffer, (PVOID)(ULONG_PTR)(0x30 + zero), sizeof(buffer)));
    FAULT("noncanonical", read((ULONG *)0x8000000000000000));
    FAULT("probe-kernel", ProbeForRead(buffer, sizeof(buffer), 1));
    FAULT("probe-odd", ProbeForRead((PVOID)0x1001, 4, 4));
    FAULT("probe-write", ProbeForWrite((PVOID)0x1000, 4, 4));
    FAULT("divide", sink = divide(zero));
    FAULT("overflow", sink = divide_signed(&least, &minus));
    FAULT("ud2", __builtin_trap());
    FAULT("assertion", __asm__ volatile("int $0x2c"));
    FAULT("raise", raise(STATUS_NO_MEMORY));
    FAULT("probe-nothing", ProbeForRead(buffer, 0, 1));
    report("faults");
}

/* A frame of several pages, which the compiler has checked. */
static NOINLINE ULONG large(ULONG by)
{
    volatile UCHAR bytes[12288];
    bytes[0] = 1;
    bytes[sizeof(bytes) - 1] = (UCHAR)by;
    return bytes[0] + bytes[sizeof(bytes) - 1];
}

static NOINLINE void walk(void)
{
    CONTEXT context;
    ULONG frames = 0, traced;
    PVOID base, trace[8];
    RtlCaptureContext(&context);
    while (frames < 16) {
        ULONG64 image, establisher;
        PVOID data, entry = RtlLookupFunctionEntry(context.Rip, &image, NULL);
        if (entry == NULL)
            break;
        RtlVirtualUnwind(0, image, context.Rip, entry, &context, &data, &establisher, NULL);
        frames++;
    }
    traced = RtlCaptureStackBackTrace(0, 8, trace, NULL);
    DbgPrint("walk %u frames, trace %u, header %s\n", frames, traced,
             RtlPcToFileHeader(trace[0], &base) == base && *(USHORT *)base == 0x5a4d ? "MZ" : "none");
}

NTSTATUS DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING path)
{
    ULONG round, handled = 0;
    nested_search();
    finally();
    collided();
    inside_finally();
    inside_filter();
    out_of_filter();
    inside_except();
    continuing();
    registers();
    faults();
    rounds = 0;
    __try {
        deep(20);
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        DbgPrint("deep %u\n", rounds);
    }
    for (round = 0; round < 1000; round++) {
        __try {
            raise(STATUS_CANCELLED);
        } __except (EXCEPTION_EXECUTE_HANDLER) {
            handled++;
        }
    }
    DbgPrint("often %u\n", handled);
    DbgPrint("large %u\n", large(2));
    walk();
#ifdef UNHANDLED
    finally_inside(TRUE);
#endif
    driver->DriverUnload = NULL;
    (void)path;
    return STATUS_SUCCESS;
}
