/* What the specimens in C share: the headers of the tree, and what these lack. */
#pragma once
#include <ntifs.h>
#include <ntddk.h>

#define NOINLINE __attribute__((noinline))

#ifndef EXCEPTION_EXECUTE_HANDLER
#define EXCEPTION_EXECUTE_HANDLER 1
#define EXCEPTION_CONTINUE_SEARCH 0
#define EXCEPTION_CONTINUE_EXECUTION (-1)
#endif

PVOID RtlLookupFunctionEntry(ULONG64 pc, ULONG64 *base, PVOID history);
PVOID RtlVirtualUnwind(ULONG type, ULONG64 base, ULONG64 pc, PVOID entry, CONTEXT *context, PVOID *data,
                       ULONG64 *establisher, PVOID pointers);
PVOID RtlPcToFileHeader(PVOID pc, PVOID *base);
