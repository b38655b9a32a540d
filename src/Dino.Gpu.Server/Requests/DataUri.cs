using System.Buffers;
using System.Buffers.Text;
using System.Text;

namespace Dino.Gpu.Server.Requests;

/// <summary>Pictures in text: <c>data:image/jpeg;base64,...</c> (RFC 2397).</summary>
internal static class DataUri
{
    private const string Expected = "expected data:image/...;base64,...";

    /// <summary>Whether a text is one.</summary>
    public static bool IsOne(ReadOnlySpan<byte> text) => StartsWith(text, "data:"u8);

    /// <summary>The bytes in it.</summary>
    /// <param name="text">UTF-8.</param>
    /// <param name="lease">Counts the bytes.</param>
    /// <exception cref="RequestFailure">It is not a picture in base64.</exception>
    public static ReadOnlyMemory<byte> Decode(ReadOnlySpan<byte> text, BodyMemory.Lease lease)
    {
        int comma = text.IndexOf((byte)',');
        if (!IsOne(text) || comma < 0)
            throw RequestFailure.Picture("invalid_data_uri", $"not a data URI with a comma: {Expected}");
        ReadOnlySpan<byte> header = text[5..comma];
        ReadOnlySpan<byte> mark = ";base64"u8;
        if (header.Length < mark.Length || !Ascii.EqualsIgnoreCase(header[^mark.Length..], mark))
            throw RequestFailure.Picture("invalid_data_uri", $"the data URI is not in base64: {Expected}");
        ReadOnlySpan<byte> type = header[..^mark.Length];
        if (!type.IsEmpty && !StartsWith(type, "image/"u8) && !StartsWith(type, "application/octet-stream"u8))
            throw RequestFailure.Picture("invalid_data_uri", $"the data URI is no picture by its media type: {Expected}");

        ReadOnlySpan<byte> base64 = text[(comma + 1)..];
        int most = Base64.GetMaxDecodedFromUtf8Length(base64.Length);
        lease.Take(most);
        byte[] bytes = GC.AllocateUninitializedArray<byte>(most);
        return Base64.DecodeFromUtf8(base64, bytes, out _, out int written) == OperationStatus.Done
            ? bytes.AsMemory(0, written)
            : throw RequestFailure.Picture("invalid_base64", "the data URI is no valid base64");
    }

    /// <summary>Whether a text starts with ASCII, in upper or lower case.</summary>
    public static bool StartsWith(ReadOnlySpan<byte> text, ReadOnlySpan<byte> start) =>
        text.Length >= start.Length && Ascii.EqualsIgnoreCase(text[..start.Length], start);
}
