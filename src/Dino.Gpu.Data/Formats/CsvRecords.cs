using System.Text;

namespace Dino.Gpu.Data.Formats;

/// <summary>
/// Records of a CSV file (RFC 4180): fields between commas, in quotes where they hold commas, quotes (doubled) or line
/// ends. A quote within a field that does not begin with one is a letter, as Python has it: <c>5" disk.jpg</c>. That
/// rule is why this is ours: Sep 0.17 opens quotes at any quote, and takes in the lines that follow.
/// </summary>
/// <param name="reader">The text.</param>
/// <param name="separator">What is between fields: a comma, or a tab.</param>
internal sealed class CsvRecords(TextReader reader, char separator = ',')
{
    /// <summary>A quote that is never closed would take in the rest of the file.</summary>
    private const int MaxField = 1 << 24;

    private readonly char[] _buffer = new char[1 << 14];
    private readonly StringBuilder _field = new();
    private readonly List<bool> _quoted = [];
    private int _start;
    private int _end;
    private long _lineEnds;

    /// <summary>The fields of the record; used again for the next.</summary>
    public List<string> Fields { get; } = [];

    /// <summary>Line on which the record begins, from 1.</summary>
    public long Line { get; private set; } = 1;

    /// <summary>
    /// Whether a field was in quotes: <c>""</c> is an empty text, nothing at all may stand for a missing one.
    /// </summary>
    public bool IsQuoted(int field) => _quoted[field];

    /// <summary>Goes to the next record. Empty lines are none.</summary>
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
            _lineEnds += _buffer.AsSpan(from, _start - from).Count('\n'); // within quotes a line end stays as it is written
            if (!found)
                continue;
            _start++;
            if (Peek() != '"')
                break;
            Append("\"");
            _start++;
        }

        int end = Read();
        string expected = separator == ',' ? "a comma" : "a tab";
        return end is -1 or '\n' || end == separator ? end
            : throw new FormatException($"'{(char)end}' follows a closing quote, expected {expected} or the end of the line");
    }

    /// <summary>Takes that many characters into the field, or all that are in the buffer.</summary>
    /// <returns>Whether it was that many.</returns>
    private bool TakeUpTo(int length)
    {
        bool found = length >= 0;
        ReadOnlySpan<char> text = _buffer.AsSpan(_start, found ? length : _end - _start);
        Append(text);
        _start += text.Length;
        return found;
    }

    /// <summary>The character to come, or -1 at the end.</summary>
    private int Peek()
    {
        if (_start == _end)
            (_start, _end) = (0, reader.Read(_buffer));
        return _start < _end ? _buffer[_start] : -1;
    }

    /// <summary>The next character, any line end as a line feed.</summary>
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
