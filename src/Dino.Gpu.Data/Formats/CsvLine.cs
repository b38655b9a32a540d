using System.Buffers;
using System.Globalization;
using System.Text;

namespace Dino.Gpu.Data.Formats;

/// <summary>
/// Builds records of a CSV file: in UTF-8, quoted as RFC 4180 requires, each with a line feed at its end.
/// </summary>
internal sealed class CsvLine
{
    private static readonly SearchValues<char> NeedQuotes = SearchValues.Create(",\"\r\n");

    private readonly ArrayBufferWriter<byte> _bytes = new(1 << 12);
    private bool _ended = true;

    /// <summary>Adds a text. Null becomes an empty field, and an empty text becomes <c>""</c>.</summary>
    public void Add(string? text)
    {
        Separate();
        if (text is null)
            return;
        // U+FEFF at the start of a file would be read as a byte order mark.
        bool quotes = text.Length == 0 || text.AsSpan().ContainsAny(NeedQuotes) || text[0] == '\uFEFF';
        Encoding.UTF8.GetBytes(quotes ? $"\"{text.Replace("\"", "\"\"", StringComparison.Ordinal)}\"" : text, _bytes);
    }

    /// <summary>Adds a number.</summary>
    public void Add<T>(T number)
        where T : IUtf8SpanFormattable
    {
        Separate();
        const int Longest = 64;
        if (!number.TryFormat(_bytes.GetSpan(Longest), out int written, default, CultureInfo.InvariantCulture))
            throw new ArgumentException($"{number} has more than {Longest} digits.");
        _bytes.Advance(written);
    }

    /// <summary>Ends the record.</summary>
    /// <returns>Its bytes, valid until the next field.</returns>
    public ReadOnlySpan<byte> End()
    {
        _bytes.Write("\n"u8);
        _ended = true;
        return _bytes.WrittenSpan;
    }

    private void Separate()
    {
        if (_ended)
            _bytes.ResetWrittenCount();
        else
            _bytes.Write(","u8);
        _ended = false;
    }
}
