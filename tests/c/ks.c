/* An image that exports some of ks.sys' names, as a real one would be loaded in place of the rig's own. */
#include "specimen.h"

static NTSTATUS add_device(PDRIVER_OBJECT driver, PDEVICE_OBJECT physical)
{
    PDEVICE_OBJECT device;
    NTSTATUS status = IoCreateDevice(driver, 0, NULL, FILE_DEVICE_UNKNOWN, 0, FALSE, &device);
    if (!NT_SUCCESS(status))
        return status;
    DbgPrint("ks: AddDevice of %wZ\n", &driver->DriverName);
    device->Flags &= ~DO_DEVICE_INITIALIZING;
    (void)physical;
    return STATUS_SUCCESS;
}

__declspec(dllexport) NTSTATUS KsInitializeDriver(PDRIVER_OBJECT driver, PUNICODE_STRING path, const void *descriptor)
{
    DbgPrint("ks: KsInitializeDriver %wZ descriptor %u\n", path, descriptor != NULL);
    driver->DriverExtension->AddDevice = add_device;
    return STATUS_SUCCESS;
}

__declspec(dllexport) PVOID KsGetParent(PVOID object)
{
    /* Nobody calls this: the rig does not play it, and says so when the image is loaded. */
    return IoRegisterFsRegistrationChange(object, NULL) == STATUS_SUCCESS ? object : NULL;
}

__declspec(dllexport) NTSTATUS DllInitialize(PUNICODE_STRING path)
{
    DbgPrint("ks: DllInitialize %wZ\n", path);
    return STATUS_SUCCESS;
}

NTSTATUS DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING path)
{
    (void)driver;
    (void)path;
    return STATUS_UNSUCCESSFUL;
}
