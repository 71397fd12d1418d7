/*
 * What a program needs to know and to steer loopcam's camera: a property set of its own and an event, on the filter.
 * docs/controls.md says more. Include it after <windows.h>, <ks.h> and <ksmedia.h>.
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
    KSEVENT_LOOPCAM_CHANGED /* something of what the properties tell, other than counters of pictures */
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

#endif
