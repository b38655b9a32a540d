using System.Text;

namespace Dino.Gpu.Data.Formats;

/// <summary>
/// Records of a CSV file (RFC 4180). Fields are separated by commas, and quoted if they hold commas, quotes (doubled)
/// or line ends. A quote inside of an unquoted field is a character like any other, as in Python: <c>5" disk.jpg</c>.
/// Because of that rule this is our own reader: Sep 0.17 opens a quoted field at any quote, and reads on into the next
/// lines.
/// </summary>
/// <param name="reader">The text.</param>
/// <param name="separator">The character between fields: a comma, a semicolon or a tab.</param>
/// <param name="isSpaced">Whether spaces follow the separators, which then belong to no field.</param>
internal sealed class CsvRecords(TextReader reader, char separator = ',', bool isSpaced = false)
{
    /// <summary>The longest field. A quote that is never closed would read the rest of the file.</summary>
    private const int MaxField = 1 << 24;

    private readonly char[] _buffer = new char[1 << 14];
    private readonly StringBuilder _field = new();
    private readonly List<bool> _quoted = [];
    private int _start;
    private int _end;
    private long _lineEnds;

    /// <summary>The fields of the record. The next record reuses the list.</summary>
    public List<string> Fields { get; } = [];

    /// <summary>Line on which the record begins, from 1.</summary>
    public long Line { get; private set; } = 1;

    /// <summary>
    /// Whether a field was quoted. <c>""</c> is an empty text, while an empty field without quotes may be a missing
    /// one.
    /// </summary>
    public bool IsQuoted(int field) => _quoted[field];

    /// <summary>Goes to the next record, past empty lines.</summary>
    /// <exception cref="FormatException">A quote is not closed, or text follows a closed one.</exception>
    public bool Next()
    {
        Fields.Clear();
        _quoted.Clear();
        while (Peek() is '\r' or '\n')
            _ = Read();
        Line = _lineEnds + 1;
        if (Peek() < 0)
            return false;
        while (true)
        {
            while (isSpaced && Peek() == ' ')
                _ = Read();
            bool quoted = Peek() == '"';
            int end = quoted ? QuotedField() : PlainField();
            Fields.Add(_field.ToString());
            _quoted.Add(quoted);
            _field.Clear();
            if (end != separator)
                return true;
        }
    }

    /// <summary>Reads a field and what ends it: a comma, a line end, or the end of the file (-1).</summary>
    private int PlainField()
    {
        while (Peek() >= 0)
        {
            if (!TakeUpTo(_buffer.AsSpan(_start, _end - _start).IndexOfAny(separator, '\r', '\n')))
                continue;
            return Read();
        }

        return -1;
    }

    /// <inheritdoc cref="PlainField"/>
    private int QuotedField()
    {
        _start++;
        while (true)
        {
            if (Peek() < 0)
                throw new FormatException("a quote is not closed");
            int from = _start;
            bool found = TakeUpTo(_buffer.AsSpan(_start, _end - _start).IndexOf('"'));
            _lineEnds += _buffer.AsSpan(from, _start - from).Count('\n'); // line ends stay as they are within quotes
            if (!found)
                continue;
            _start++;
            if (Peek() != '"')
                break;
            Append("\"");
            _start++;
        }

        int end = Read();
        string expected = separator switch { ',' => "a comma", ';' => "a semicolon", _ => "a tab" };
        return end is -1 or '\n' || end == separator
            ? end
            : throw new FormatException($"'{(char)end}' follows a closing quote, expected {expected} or the end of the line");
    }

    /// <summary>
    /// Appends characters to the field: as many as given, or the whole buffer if the number is negative.
    /// </summary>
    /// <returns>Whether the number was not negative.</returns>
    private bool TakeUpTo(int length)
    {
        bool found = length >= 0;
        ReadOnlySpan<char> text = _buffer.AsSpan(_start, found ? length : _end - _start);
        Append(text);
        _start += text.Length;
        return found;
    }

    /// <summary>The next character, without taking it; -1 at the end.</summary>
    private int Peek()
    {
        if (_start == _end)
            (_start, _end) = (0, reader.Read(_buffer));
        return _start < _end ? _buffer[_start] : -1;
    }

    /// <summary>Takes the next character. Every line end becomes a line feed.</summary>
    private int Read()
    {
        int character = Peek();
        if (character < 0)
            return -1;
        _start++;
        if (character == '\r')
        {
            if (Peek() == '\n')
                _start++;
            character = '\n';
        }

        if (character == '\n')
            _lineEnds++;
        return character;
    }

    private void Append(ReadOnlySpan<char> text)
    {
        if (_field.Length + text.Length > MaxField)
            throw new FormatException($"a field is longer than {MaxField} characters; is a quote not closed?");
        _field.Append(text);
    }
}
