/* A driver that imports from ks.sys, whichever that is. */
#include "specimen.h"

__declspec(dllimport) NTSTATUS KsInitializeDriver(PDRIVER_OBJECT driver, PUNICODE_STRING path, const void *descriptor);
__declspec(dllimport) PVOID KsGetParent(PVOID object);
#ifdef MORE
__declspec(dllimport) PVOID KsGetFirstChild(PVOID object);
#endif

NTSTATUS DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING path)
{
    DbgPrint("client: DriverEntry\n");
    if (driver == NULL)
        KsGetParent(driver);
#ifdef MORE
    if (driver == NULL)
        KsGetFirstChild(driver);
#endif
    return KsInitializeDriver(driver, path, driver);
}
