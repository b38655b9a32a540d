using System.Buffers;
using System.Text;

namespace Dino.Gpu.Imaging;

/// <summary>Names what a file is that is not read, for the message that refuses it.</summary>
internal static class ForeignFormats
{
    public static string Describe(ReadOnlySpan<byte> file)
    {
        if (file.Length >= 12 && file[4..].StartsWith("ftyp"u8))
            return IsoMedia(file[8..12]);
        if (file.StartsWith<byte>([0, 0, 0, 12, .. "jP  \r\n"u8]) || file.StartsWith<byte>([0xFF, 0x4F, 0xFF, 0x51]))
            return "JPEG 2000";
        if (file.StartsWith<byte>([0, 0, 0, 12, .. "JXL \r\n"u8]) || file.StartsWith<byte>([0xFF, 0x0A]))
            return "JPEG XL";
        if (file.StartsWith("8BPS"u8))
            return "a Photoshop file";
        if (file.StartsWith("%PDF"u8))
            return "PDF";
        if (file.StartsWith("PK\u0003\u0004"u8))
            return "a zip archive";
        if (file.StartsWith<byte>([0x1F, 0x8B]))
            return "a gzip archive";
        if (file.StartsWith<byte>([0, 0, 2, 0]) && file.Length >= 22)
            return "a cursor (CUR)";
        if (file.StartsWith("icns"u8))
            return "an icon of macOS (ICNS)";
        if (file.StartsWith("qoif"u8))
            return "QOI";
        if (file.StartsWith("DDS "u8))
            return "DDS";
        if (file.StartsWith<byte>([0x76, 0x2F, 0x31, 0x01]))
            return "OpenEXR";
        if (file.StartsWith("#?RADIANCE"u8) || file.StartsWith("#?RGBE"u8))
            return "Radiance HDR";
        bool isNetpbm = file.Length >= 3 && file[0] == 'P' && file[1] is >= (byte)'1' and <= (byte)'7' or (byte)'F' or (byte)'f';
        if (isNetpbm && char.IsWhiteSpace((char)file[2]))
            return "PPM or another of the Netpbm formats";
        if (file.Length >= 132 && file[128..].StartsWith("DICM"u8))
            return "DICOM";
        if (!LooksLikeText(file))
            return $"bytes {Convert.ToHexString(file[..Math.Min(8, file.Length)])}";
        ReadOnlySpan<byte> head = file[..Math.Min(1024, file.Length)];
        return head.IndexOf("<svg"u8) >= 0 ? "SVG" : "text";
    }

    private static string IsoMedia(ReadOnlySpan<byte> brand)
    {
        if (brand.StartsWith("avi"u8))
            return "AVIF";
        return brand.StartsWith("hei"u8) || brand.StartsWith("hev"u8) || brand.StartsWith("mif1"u8) || brand.StartsWith("msf1"u8)
            ? "HEIF"
            : brand.StartsWith("crx"u8) ? "a camera's raw file (CR3)" : "an ISO media file";
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
