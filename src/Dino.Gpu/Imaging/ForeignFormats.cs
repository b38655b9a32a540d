using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace Dino.Gpu.Imaging;

/// <summary>Names what a file is that is not read, for the message that refuses it.</summary>
internal static class ForeignFormats
{
    private const string TextPng = "a PNG whose line ends were changed, as by a transfer as text";

    /// <summary>How far into a file a picture is looked for that has something before it.</summary>
    private const int MostBefore = 16;

    /// <summary>Where a tar archive says that it is one.</summary>
    private const int TarMark = 257;

    private const string Heif = "HEIF";

    /// <summary>How many brands of an ISO media file are looked at.</summary>
    private const int MostBrands = 64;

    private static readonly (byte[] Start, string Kind)[] Starts =
    [
        ([.. "8BPS"u8], "a Photoshop file"),
        ([.. "%PDF"u8], "PDF"),
        ([.. "%!PS"u8], "PostScript"),
        ([.. "PK\u0003\u0004"u8], "a zip archive"),
        ([0x1F, 0x8B], "a gzip archive"),
        ([.. "BZh"u8], "a bzip2 archive"),
        ([0xFD, .. "7zXZ\0"u8], "an xz archive"),
        ([0x28, 0xB5, 0x2F, 0xFD], "a Zstandard archive"),
        ([.. "7z"u8, 0xBC, 0xAF, 0x27, 0x1C], "a 7z archive"),
        ([.. "Rar!\u001A\a"u8], "a RAR archive"),
        ([.. "SQLite format 3\0"u8], "an SQLite database"),
        ([0x89, .. "HDF\r\n\u001A\n"u8], "HDF5"),
        ([.. "ARROW1"u8], "an Arrow file"),
        ([.. "PAR1"u8], "Parquet"),
        ([0x93, .. "NUMPY"u8], "a NumPy array"),
        ([0x1A, 0x45, 0xDF, 0xA3], "a Matroska or WebM film"),
        ([.. "RIFF"u8], "a RIFF file that is no WebP"),
        ([.. "FLIF"u8], "FLIF"),
        ([.. "BPG"u8, 0xFB], "BPG"),
        ([.. "AT&TFORM"u8], "DjVu"),
        ([.. "II"u8, 0xBC, 0x01], "JPEG XR"),
        ([0x97, .. "JB2\r\n\u001A\n"u8], "JBIG2"),
        ([0xAB, .. "KTX "u8], "KTX"),
        ([.. "BLP1"u8], "BLP"),
        ([.. "BLP2"u8], "BLP"),
        ([.. "farbfeld"u8], "Farbfeld"),
        ([0x80, 0x2A, 0x5F, 0xD7], "Cineon"),
        ([0xD7, 0x5F, 0x2A, 0x80], "Cineon"),
        ([0xB1, 0x68, 0xDE, 0x3A], "DCX"),
        ([0x7F, .. "ELF"u8], "a program"),
        ([0xD0, 0xCF, 0x11, 0xE0], "an Office document or another OLE file"),
        ([.. "ID3"u8], "a sound (MP3)"),
        ([.. "OggS"u8], "a sound or film (Ogg)"),
        ([.. "FLV\u0001"u8], "a film (FLV)"),
        ([0, 0, 1, 0xBA], "a film (MPEG)"),
        ([0, 0, 1, 0xB3], "a film (MPEG)"),
        ([0xD7, 0xCD, 0xC6, 0x9A], "a metafile of Windows (WMF)"),
        ([0x89, .. "PNG\r\r\n"u8], TextPng),
        ([0x89, .. "PNG\n\u001A"u8], TextPng),
        ([0x89, .. "PNG\r\u001A"u8], TextPng),
        ([0xC3, 0xBF, 0xC3, 0x98, 0xC3, 0xBF], "a JPEG that was turned into UTF-8 text"),
        ([0xEF, 0xBF, 0xBD, 0xEF, 0xBF, 0xBD], "a file that was turned into UTF-8 text and lost its bytes"),
        ([0xEF, 0xBF, 0xBD, .. "PNG"u8], "a PNG that was turned into UTF-8 text and lost its bytes"),
        ([.. "version https://git-lfs.github.com/"u8], "a Git LFS pointer; 'git lfs pull' fetches the file"),
        ([.. "icns"u8], "an icon of macOS (ICNS)"),
        ([.. "qoif"u8], "QOI"),
        ([.. "DDS "u8], "DDS"),
        ([0x76, 0x2F, 0x31, 0x01], "OpenEXR"),
        ([.. "#?RADIANCE"u8], "Radiance HDR"),
        ([.. "#?RGBE"u8], "Radiance HDR"),
        ([.. "gimp xcf"u8], "a GIMP file (XCF)"),
        ([.. "SIMPLE  ="u8], "FITS"),
        ([.. "SDPX"u8], "DPX"),
        ([.. "XPDS"u8], "DPX"),
        ([0x01, 0xDA], "an SGI picture"),
        ([0x59, 0xA6, 0x6A, 0x95], "a Sun raster picture"),
        ([0x8A, .. "MNG"u8], "MNG"),
        ([0x8B, .. "JNG"u8], "JNG"),
        ([0x0A, 0x05, 0x01, 0x08], "PCX"),
        ([0x0A, 0x05, 0x01, 0x01], "PCX"),
        ([0x0A, 0x03, 0x01], "PCX"),
        ([0x0A, 0x02, 0x01], "PCX"),
        ([.. "/* XPM"u8], "XPM"),
        ([.. "FUJIFILMCCD-RAW"u8], "a camera's raw file (RAF)"),
        ([.. "IIU\0"u8], "a camera's raw file (RW2)"),
        ([.. "IIRO"u8], "a camera's raw file (ORF)"),
        ([.. "IIRS"u8], "a camera's raw file (ORF)"),
        ([.. "MMOR"u8], "a camera's raw file (ORF)"),
        ([.. "FOVb"u8], "a camera's raw file (X3F)"),
        ([0, .. "MRM"u8], "a camera's raw file (MRW)"),
        ([.. "II\u001A\0\0\0HEAPCCDR"u8], "a camera's raw file (CRW)"),
    ];

    public static string Describe(ReadOnlySpan<byte> file)
    {
        if (file.Length >= 12 && file[4..].StartsWith("ftyp"u8))
            return IsoMedia(file);
        if (file.StartsWith<byte>([0, 0, 0, 12, .. "jP  \r\n"u8]) || file.StartsWith<byte>([0xFF, 0x4F, 0xFF, 0x51]))
            return "JPEG 2000";
        if (file.StartsWith<byte>([0, 0, 0, 12, .. "JXL \r\n"u8]) || file.StartsWith<byte>([0xFF, 0x0A]))
            return "JPEG XL";
        foreach ((byte[] start, string kind) in Starts)
        {
            if (file.StartsWith(start))
                return kind;
        }

        if (file.Length > TarMark && file[TarMark..].StartsWith("ustar"u8))
            return "a tar archive";
        if (IsTarga(file))
            return "TGA";
        if (IsBareBitmap(file))
            return "a bitmap without its file header (DIB)";
        if (file.StartsWith("BA"u8) && file.Length > 28 && file[14..].StartsWith("BM"u8))
            return "an array of bitmaps of OS/2";
        if (file.StartsWith<byte>([0, 0, 2, 0]) && file.Length >= 22)
            return "a cursor (CUR)";
        bool isNetpbm = file.Length >= 3 && file[0] == 'P' && file[1] is >= (byte)'1' and <= (byte)'7' or (byte)'F' or (byte)'f';
        if (isNetpbm && char.IsWhiteSpace((char)file[2]))
            return "PPM or another of the Netpbm formats";
        if (file.Length >= 132 && file[128..].StartsWith("DICM"u8))
            return "DICOM";
        if (file.Length > 44 && file.StartsWith<byte>([1, 0, 0, 0]) && file[40..].StartsWith(" EMF"u8))
            return "a metafile of Windows (EMF)";
        if (file.IndexOfAnyExcept((byte)0) < 0)
            return "nothing but zeros, as a download leaves that did not end";
        if (Shifted(file) is { } shifted)
            return shifted;
        if (!LooksLikeText(file))
            return $"bytes {Convert.ToHexString(file[..Math.Min(8, file.Length)])}";
        ReadOnlySpan<byte> head = file[..Math.Min(1024, file.Length)];
        if (head.IndexOf("<svg"u8) >= 0)
            return "SVG";
        string words = Encoding.ASCII.GetString(head).TrimStart('?', ' ', '\t', '\r', '\n'); // a byte order mark becomes '?'
        return words.StartsWith("<!doctype html", StringComparison.OrdinalIgnoreCase)
            || words.StartsWith("<html", StringComparison.OrdinalIgnoreCase) ? "text (HTML, a page of a web site)" : "text";
    }

    /// <summary>A picture that something wrote a few bytes before, such as a line end or a byte order mark.</summary>
    private static string? Shifted(ReadOnlySpan<byte> file)
    {
        for (int at = 1; at <= MostBefore && at < file.Length; at++)
        {
            string? kind = file[at..].StartsWith(JpegStructure.Signature) ? "JPEG"
                : file[at..].StartsWith(PngStructure.Signature) ? "PNG"
                : null;
            if (kind is not null)
                return $"a {kind} behind {(at == 1 ? "a byte that does" : $"{at} bytes that do")} not belong to it";
        }

        return null;
    }

    /// <summary>
    /// Whether a header is that of a picture without a palette, of which no field is odd: TGA begins with no mark.
    /// </summary>
    private static bool IsTarga(ReadOnlySpan<byte> file) =>
        file.Length > 18
        && file[1] == 0
        && file[2] is 2 or 3 or 10 or 11
        && file[3..8].IndexOfAnyExcept((byte)0) < 0
        && file[16] is 8 or 15 or 16 or 24 or 32
        && (file[12] | file[13]) > 0
        && (file[14] | file[15]) > 0;

    /// <summary>Whether a file begins with the header of a bitmap of Windows: its length, two sides, one plane, a depth.</summary>
    private static bool IsBareBitmap(ReadOnlySpan<byte> file) =>
        file.Length > 40
        && file[0] is 40 or 52 or 56 or 108 or 124
        && file[1..4].IndexOfAnyExcept((byte)0) < 0
        && file[12..14].SequenceEqual<byte>([1, 0])
        && file[14] is 1 or 4 or 8 or 16 or 24 or 32
        && file[15] == 0;

    /// <summary>By the first brand in the box <c>ftyp</c>, and by those that follow where it says too little.</summary>
    private static string IsoMedia(ReadOnlySpan<byte> file)
    {
        const int Mark = 4; // length of the box's name, and of a brand
        ReadOnlySpan<byte> first = file.Slice(2 * Mark, Mark);
        string? kind = first.StartsWith("crx"u8) ? "a camera's raw file (CR3)" : PictureOf(first);
        long end = Math.Min(BinaryPrimitives.ReadUInt32BigEndian(file), Math.Min(file.Length, MostBrands * Mark));
        for (int at = 4 * Mark; kind is null && at + Mark <= end; at += Mark) // a version stands between
            kind = PictureOf(file.Slice(at, Mark));
        return kind ?? (first.SequenceEqual("mif1"u8) || first.SequenceEqual("msf1"u8) ? Heif : "an ISO media file");

        static string? PictureOf(ReadOnlySpan<byte> brand) =>
            brand.StartsWith("avi"u8) ? "AVIF" : brand.StartsWith("hei"u8) || brand.StartsWith("hev"u8) ? Heif : null;
    }

    /// <summary>Whether the first bytes are text in UTF-8 or plain ASCII, with or without a byte order mark.</summary>
    private static bool LooksLikeText(ReadOnlySpan<byte> file)
    {
        ReadOnlySpan<byte> head = file[..Math.Min(256, file.Length)];
        while (!head.IsEmpty)
        {
            OperationStatus status = Rune.DecodeFromUtf8(head, out Rune rune, out int consumed);
            if (status == OperationStatus.NeedMoreData && file.Length > 256)
                return true; // only the cut after 256 bytes
            if (status != OperationStatus.Done || Rune.IsControl(rune) && rune.Value is not ('\t' or '\n' or '\r' or '\f'))
                return false;
            head = head[consumed..];
        }

        return true;
    }
}
