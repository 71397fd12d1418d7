<#
.SYNOPSIS
Measures how well the installed camera behaves: runs ks-compliance.exe and keeps its reports.
.DESCRIPTION
Opens the camera and its test source, sends them requests, right ones and wrong ones, and streams from them. The reports
are compliance.txt, compliance.json and compliance.html; docs\compliance.md tells how to read them. A faulty driver may
stop Windows: save your work first. The last line of compliance.txt then names the check.
Exit codes: 0 nothing failed, 1 something failed, 2 wrong usage, 3 there is no such filter. Windows 7 or later.
.PARAMETER Filter
Checks the filters with this in their name or link, instead of the loopback camera's two.
.PARAMETER Category
The interface classes that the driver promises, with commas between: names such as KSCATEGORY_CAPTURE, or GUIDs.
.PARAMETER Family
Families (A to H) or checks (B6) to make, with commas between; all if left out.
.PARAMETER Folder
Where to leave the reports.
.EXAMPLE
powershell -ExecutionPolicy Bypass -File compliance.ps1
.EXAMPLE
powershell -ExecutionPolicy Bypass -File compliance.ps1 -Filter "Integrated Camera" -Family A,B
#>
#Requires -Version 2.0
[CmdletBinding()]
param(
    [string] $Filter,
    [string[]] $Category,
    [string[]] $Family,
    [string] $Folder = (Join-Path ([Environment]::GetFolderPath('Desktop')) ('loopcam-compliance-{0:yyyyMMdd-HHmmss}' -f (Get-Date)))
)

. (Join-Path (Split-Path -Parent $MyInvocation.MyCommand.Path) 'common.ps1')
$top = Split-Path -Parent (Split-Path -Parent $MyInvocation.MyCommand.Path)
$program = Join-Path $top 'tools\ks-compliance.exe'
if (-not (Test-Path $program)) { throw "$program is missing: copy the whole package." }
New-Item -ItemType Directory -Path $Folder -Force | Out-Null

if (-not $Filter) {
    $Filter = 'Loopcam'
    # Those of the INF: the camera's, and the test source's own.
    if (-not $Category) {
        $Category = 'KSCATEGORY_CAPTURE,KSCATEGORY_VIDEO,KSCATEGORY_VIDEO_CAMERA,{3D7A9C14-0B5E-4C86-9E27-F4A6B1D80C53},{C2F6E580-4B17-4A9D-93E8-7D05B1A46F32}'
    }
}
$arguments = @('--filter', $Filter,
    '--text', (Join-Path $Folder 'compliance.txt'),
    '--json', (Join-Path $Folder 'compliance.json'),
    '--html', (Join-Path $Folder 'compliance.html'))
foreach ($name in @($Category -split ',' | Where-Object { $_ })) { $arguments += '--category', $name.Trim() }
foreach ($name in @($Family -split ',' | Where-Object { $_ })) { $arguments += '--family', $name.Trim() }

Write-Host "> $program $arguments"
& $program $arguments
$code = $LASTEXITCODE
if ($code -le 1) { Write-Host "The reports are in $Folder." }
exit $code
