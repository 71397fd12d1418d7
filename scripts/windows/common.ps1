# What the other scripts share. Windows 7 and later: PowerShell 2.0.
Set-StrictMode -Version 2.0
$ErrorActionPreference = 'Stop'

$HardwareId = 'Root\Loopcam'

# Everything here changes the machine or looks where only administrators may.
function Assert-Administrator {
    $user = New-Object Security.Principal.WindowsPrincipal([Security.Principal.WindowsIdentity]::GetCurrent())
    if (-not $user.IsInRole([Security.Principal.WindowsBuiltInRole]::Administrator)) {
        throw 'Run this in a PowerShell that was started with "Run as administrator".'
    }
    if ([IntPtr]::Size -ne 8) {
        throw 'Run this in the 64-bit PowerShell: drivers cannot be installed from a 32-bit program.'
    }
}

# The version of Windows, as 10.0.19041. [Environment]::OSVersion lies from Windows 8.1 on.
function Get-WindowsVersion {
    [Version](Get-WmiObject Win32_OperatingSystem).Version
}

# Runs a program; its failure is an error.
function Invoke-Program([string] $Program, [string[]] $Arguments, [int[]] $Good = @(0)) {
    Write-Host "> $Program $Arguments"
    & $Program $Arguments
    if ($Good -notcontains $LASTEXITCODE) {
        throw "$Program ended with exit code $LASTEXITCODE."
    }
}

# The packages of this driver in the driver store: oem7.inf and the like.
function Get-InstalledPackage {
    Get-ChildItem "$env:windir\INF\oem*.inf" |
        Where-Object { Select-String -Path $_.FullName -Pattern '^\s*CatalogFile\s*=\s*loopcam(-legacy)?\.cat' -Quiet }
}

# The devices by SetupAPI, as devcon has them: only the WDK brings devcon and devgen, and they may not be passed on.
# https://learn.microsoft.com/windows-hardware/drivers/install/porting-from-setupapi-to-cfgmgr32 names the functions.
function Import-RootDevice {
    if ('Loopcam.RootDevice' -as [type]) { return }
    Add-Type -TypeDefinition @'
using System;
using System.ComponentModel;
using System.Runtime.InteropServices;
using System.Text;

namespace Loopcam
{
    public static class RootDevice
    {
        const int DICD_GENERATE_ID = 1, DIGCF_ALLCLASSES = 4, SPDRP_HARDWAREID = 1;
        const int DIF_REMOVE = 5, DIF_REGISTERDEVICE = 0x19, DI_REMOVEDEVICE_GLOBAL = 1, INSTALLFLAG_FORCE = 1;
        static readonly IntPtr Invalid = new IntPtr(-1);

        [StructLayout(LayoutKind.Sequential)]
        struct DeviceInfo { public int Size; public Guid Class; public int Instance; public IntPtr Reserved; }

        [StructLayout(LayoutKind.Sequential)]
        struct RemoveParameters { public int HeaderSize; public int Function; public int Scope; public int Profile; }

        [DllImport("setupapi.dll", CharSet = CharSet.Unicode, SetLastError = true)]
        static extern bool SetupDiGetINFClassW(string inf, out Guid guid, StringBuilder name, int size, out int needed);
        [DllImport("setupapi.dll", SetLastError = true)]
        static extern IntPtr SetupDiCreateDeviceInfoList(ref Guid guid, IntPtr window);
        [DllImport("setupapi.dll", SetLastError = true)]
        static extern bool SetupDiDestroyDeviceInfoList(IntPtr list);
        [DllImport("setupapi.dll", CharSet = CharSet.Unicode, SetLastError = true)]
        static extern bool SetupDiCreateDeviceInfoW(
            IntPtr list, string name, ref Guid guid, string description, IntPtr window, int flags, ref DeviceInfo info);
        [DllImport("setupapi.dll", SetLastError = true)]
        static extern bool SetupDiSetDeviceRegistryPropertyW(
            IntPtr list, ref DeviceInfo info, int property, byte[] data, int size);
        [DllImport("setupapi.dll", SetLastError = true)]
        static extern bool SetupDiGetDeviceRegistryPropertyW(
            IntPtr list, ref DeviceInfo info, int property, out int type, byte[] data, int size, out int needed);
        [DllImport("setupapi.dll", SetLastError = true)]
        static extern bool SetupDiCallClassInstaller(int function, IntPtr list, ref DeviceInfo info);
        [DllImport("setupapi.dll", SetLastError = true)]
        static extern bool SetupDiSetClassInstallParamsW(
            IntPtr list, ref DeviceInfo info, ref RemoveParameters parameters, int size);
        [DllImport("setupapi.dll", CharSet = CharSet.Unicode, SetLastError = true)]
        static extern IntPtr SetupDiGetClassDevsW(IntPtr guid, string enumerator, IntPtr window, int flags);
        [DllImport("setupapi.dll", SetLastError = true)]
        static extern bool SetupDiEnumDeviceInfo(IntPtr list, int index, ref DeviceInfo info);
        [DllImport("newdev.dll", CharSet = CharSet.Unicode, SetLastError = true)]
        static extern bool UpdateDriverForPlugAndPlayDevicesW(
            IntPtr window, string hardwareId, string inf, int flags, out bool restart);

        static DeviceInfo NewInfo()
        {
            DeviceInfo info = new DeviceInfo();
            info.Size = Marshal.SizeOf(typeof(DeviceInfo));
            return info;
        }

        static void Check(bool worked, string what)
        {
            if (!worked)
            {
                Win32Exception error = new Win32Exception(Marshal.GetLastWin32Error());
                throw new InvalidOperationException(
                    String.Format("{0}: {1} (0x{2:x})", what, error.Message, error.NativeErrorCode), error);
            }
        }

        // Makes a device and installs the driver for it. Gives whether Windows wants to be restarted.
        public static bool Install(string inf, string hardwareId)
        {
            Guid guid;
            int needed;
            Check(SetupDiGetINFClassW(inf, out guid, new StringBuilder(256), 256, out needed), "the class of " + inf);
            IntPtr list = SetupDiCreateDeviceInfoList(ref guid, IntPtr.Zero);
            Check(list != Invalid, "a list of devices");
            try
            {
                DeviceInfo info = NewInfo();
                // The name is the folder's under Root; Windows appends a number.
                Check(SetupDiCreateDeviceInfoW(list, "Loopcam", ref guid, null, IntPtr.Zero, DICD_GENERATE_ID, ref info),
                    "a new device");
                byte[] ids = Encoding.Unicode.GetBytes(hardwareId + "\0\0");
                Check(SetupDiSetDeviceRegistryPropertyW(list, ref info, SPDRP_HARDWAREID, ids, ids.Length),
                    "the hardware id");
                Check(SetupDiCallClassInstaller(DIF_REGISTERDEVICE, list, ref info), "the device's registration");
                try
                {
                    return Update(inf, hardwareId);
                }
                catch
                {
                    SetupDiCallClassInstaller(DIF_REMOVE, list, ref info);
                    throw;
                }
            }
            finally
            {
                SetupDiDestroyDeviceInfoList(list);
            }
        }

        // Installs a driver for the devices that are there.
        public static bool Update(string inf, string hardwareId)
        {
            bool restart;
            Check(UpdateDriverForPlugAndPlayDevicesW(IntPtr.Zero, hardwareId, inf, INSTALLFLAG_FORCE, out restart),
                "the driver's installation");
            return restart;
        }

        public static int Count(string hardwareId) { return Each(hardwareId, false); }

        public static int Remove(string hardwareId) { return Each(hardwareId, true); }

        static int Each(string hardwareId, bool remove)
        {
            IntPtr list = SetupDiGetClassDevsW(IntPtr.Zero, "ROOT", IntPtr.Zero, DIGCF_ALLCLASSES);
            Check(list != Invalid, "the list of devices");
            int count = 0;
            try
            {
                DeviceInfo info = NewInfo();
                for (int index = 0; SetupDiEnumDeviceInfo(list, index, ref info); index++)
                {
                    if (!Has(list, ref info, hardwareId)) continue;
                    count++;
                    if (!remove) continue;
                    RemoveParameters parameters = new RemoveParameters();
                    parameters.HeaderSize = 8;
                    parameters.Function = DIF_REMOVE;
                    parameters.Scope = DI_REMOVEDEVICE_GLOBAL;
                    Check(SetupDiSetClassInstallParamsW(list, ref info, ref parameters, Marshal.SizeOf(parameters)),
                        "how to remove the device");
                    Check(SetupDiCallClassInstaller(DIF_REMOVE, list, ref info), "the device's removal");
                }
            }
            finally
            {
                SetupDiDestroyDeviceInfoList(list);
            }
            return count;
        }

        static bool Has(IntPtr list, ref DeviceInfo info, string hardwareId)
        {
            int type, needed;
            byte[] data = new byte[4096];
            if (!SetupDiGetDeviceRegistryPropertyW(
                list, ref info, SPDRP_HARDWAREID, out type, data, data.Length, out needed)) return false;
            foreach (string id in Encoding.Unicode.GetString(data, 0, needed).Split('\0'))
            {
                if (String.Equals(id, hardwareId, StringComparison.OrdinalIgnoreCase)) return true;
            }
            return false;
        }
    }
}
'@
}
