/*
 * What a program needs to know and to steer loopcam's cameras: a property set of its own and an event, on each camera's
 * filter; and a filter that adds and removes cameras. docs/controls.md says more. Include it after <windows.h>, <ks.h> and <ksmedia.h>.
 */
#ifndef LOOPCAM_H
#define LOOPCAM_H

#define STATIC_PROPSETID_LOOPCAM \
    0x9D4C71E6L, 0x2A3B, 0x4F85, 0xB0, 0xD9, 0xC6, 0xE7, 0xF8, 0x13, 0x5A, 0x20
DEFINE_GUIDSTRUCT("9D4C71E6-2A3B-4F85-B0D9-C6E7F8135A20", PROPSETID_LOOPCAM);
#define PROPSETID_LOOPCAM DEFINE_GUIDNAMED(PROPSETID_LOOPCAM)

typedef enum {
    KSPROPERTY_LOOPCAM_STATUS,      /* get: LOOPCAM_STATUS */
    KSPROPERTY_LOOPCAM_READERS,     /* get: KSMULTIPLE_ITEM, then a LOOPCAM_READER for each open pin Capture */
    KSPROPERTY_LOOPCAM_TIMEOUT,     /* get, set: ULONG, milliseconds of a writer's silence before the placeholder */
    KSPROPERTY_LOOPCAM_PLACEHOLDER  /* get, set: LOOPCAM_PLACEHOLDER, then its pixels; all zero: the camera's own */
} KSPROPERTY_LOOPCAM;

#define STATIC_KSEVENTSETID_LOOPCAM \
    0xE1B7D0A4L, 0x6C52, 0x4D39, 0x8F, 0x1E, 0x3A, 0x95, 0xC0, 0x2B, 0x7D, 0x68
DEFINE_GUIDSTRUCT("E1B7D0A4-6C52-4D39-8F1E-3A95C02B7D68", KSEVENTSETID_LOOPCAM);
#define KSEVENTSETID_LOOPCAM DEFINE_GUIDNAMED(KSEVENTSETID_LOOPCAM)

typedef enum {
    KSEVENT_LOOPCAM_CHANGED /* something of what the properties tell, other than counters of pictures; on the manager too */
} KSEVENT_LOOPCAM;

#define LOOPCAM_WRITER_NONE 0 /* nobody has the right to write */
#define LOOPCAM_WRITER_IDLE 1 /* somebody has, and does not */
#define LOOPCAM_WRITER_LIVE 2 /* somebody writes */

#define LOOPCAM_TIMEOUT_MIN     10
#define LOOPCAM_TIMEOUT_MAX     60000
#define LOOPCAM_TIMEOUT_DEFAULT 1000

#define LOOPCAM_PLACEHOLDER_MAX_WIDTH  1920
#define LOOPCAM_PLACEHOLDER_MAX_HEIGHT 1080

#define LOOPCAM_MAX_READERS 64

/* The camera, as it is now. About pictures all is 0 while nobody writes. */
typedef struct {
    ULONG Writer;        /* LOOPCAM_WRITER_... */
    ULONG FourCC;        /* of the writer's pictures, as biCompression */
    ULONG Bits;          /* as biBitCount */
    ULONG Width;
    ULONG Height;
    ULONG Readers;       /* open pins Capture */
    ULONG Running;       /* those of them that run */
    ULONG Changes;       /* how often the event has been told */
    LONGLONG Interval;   /* from one of the writer's pictures to the next, 100 ns */
    ULONGLONG Pictures;  /* written since the device was started */
} LOOPCAM_STATUS, *PLOOPCAM_STATUS;

/* One open pin Capture. */
typedef struct {
    ULONG State;         /* KSSTATE */
    ULONG Follows;       /* 1: its last picture was the writer's */
    ULONG FourCC;
    ULONG Bits;
    ULONG Width;
    ULONG Height;
    LONGLONG Interval;   /* as its format says, 100 ns */
    LONGLONG Pictures;   /* the number of its last picture since ACQUIRE, with those that it did not get */
    LONGLONG Dropped;    /* those that it did not get */
} LOOPCAM_READER, *PLOOPCAM_READER;

/*
 * A picture, whose pixels lie behind it: row by row without gaps, from the top; NV12, YUY2, RGB24 or RGB32, RGB in rows
 * that begin at multiples of four bytes. Width and height are even, and 16 at least.
 */
typedef struct {
    ULONG FourCC;
    ULONG Bits;
    ULONG Width;
    ULONG Height;
} LOOPCAM_PLACEHOLDER, *PLOOPCAM_PLACEHOLDER;

/* The interface class of the manager: the filter that adds and removes cameras. It has no pins. */
#define STATIC_KSCATEGORY_LOOPCAM_MANAGER \
    0xC2F6E580L, 0x4B17, 0x4A9D, 0x93, 0xE8, 0x7D, 0x05, 0xB1, 0xA4, 0x6F, 0x32
DEFINE_GUIDSTRUCT("C2F6E580-4B17-4A9D-93E8-7D05B1A46F32", KSCATEGORY_LOOPCAM_MANAGER);
#define KSCATEGORY_LOOPCAM_MANAGER DEFINE_GUIDNAMED(KSCATEGORY_LOOPCAM_MANAGER)

#define STATIC_PROPSETID_LOOPCAM_MANAGER \
    0x47D1B93EL, 0x05CA, 0x4E62, 0xA8, 0xF4, 0x19, 0xB6, 0x3C, 0x7E, 0x20, 0xD5
DEFINE_GUIDSTRUCT("47D1B93E-05CA-4E62-A8F4-19B63C7E20D5", PROPSETID_LOOPCAM_MANAGER);
#define PROPSETID_LOOPCAM_MANAGER DEFINE_GUIDNAMED(PROPSETID_LOOPCAM_MANAGER)

typedef enum {
    KSPROPERTY_LOOPCAM_MANAGER_CAMERAS, /* get: KSMULTIPLE_ITEM, then a LOOPCAM_CAMERA for each camera */
    KSPROPERTY_LOOPCAM_MANAGER_ADD,     /* set: LOOPCAM_CAMERA, with a number that no camera has */
    KSPROPERTY_LOOPCAM_MANAGER_RENAME,  /* set: LOOPCAM_CAMERA */
    KSPROPERTY_LOOPCAM_MANAGER_REMOVE   /* set: ULONG, the number; not 0 */
} KSPROPERTY_LOOPCAM_MANAGER;

#define LOOPCAM_MAX_CAMERAS 16
#define LOOPCAM_NAME_ROOM   64

/* A camera. Its interfaces' reference string is {6C1F3F5A-93A8-4E0E-8F6B-2D9C57A1E4B0}, with its number as the last digit. */
typedef struct {
    ULONG Number;                  /* below LOOPCAM_MAX_CAMERAS */
    WCHAR Name[LOOPCAM_NAME_ROOM]; /* what applications call it: up to the first zero, without control characters */
} LOOPCAM_CAMERA, *PLOOPCAM_CAMERA;

#endif
