namespace Dino.Gpu.Imaging;

/// <summary>Finds the orientation in an XMP packet as Pillow does: by its text, whatever the XML around it.</summary>
internal static class XmpReader
{
    /// <summary>The namespace that begins an XMP segment of a JPEG.</summary>
    public static ReadOnlySpan<byte> JpegNamespace => "http://ns.adobe.com/xap/1.0/\0"u8;

    /// <summary>The value of <c>tiff:Orientation</c>, an attribute or an element.</summary>
    /// <returns>1 to 8; null when there is none.</returns>
    public static int? Orientation(ReadOnlySpan<byte> packet)
    {
        ReadOnlySpan<byte> name = "tiff:Orientation"u8;
        for (int at; (at = packet.IndexOf(name)) >= 0;)
        {
            packet = packet[(at + name.Length)..];
            ReadOnlySpan<byte> value = packet.StartsWith("=\""u8) ? packet[2..] : packet.StartsWith(">"u8) ? packet[1..] : [];
            if (!value.IsEmpty && char.IsAsciiDigit((char)value[0]))
                return value[0] is >= (byte)'1' and <= (byte)'8' ? value[0] - '0' : 1;
        }

        return null;
    }
}
