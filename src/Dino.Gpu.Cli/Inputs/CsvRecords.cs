using System.Text;

namespace Dino.Gpu.Cli.Inputs;

/// <summary>
/// Records of a CSV file (RFC 4180): fields between commas, in quotes where they hold commas, quotes (doubled) or line ends. A quote within a field that does
/// not begin with one stands for itself.
/// </summary>
internal sealed class CsvRecords(TextReader reader)
{
    /// <summary>A quote that is never closed would take in the rest of the file.</summary>
    private const int MaxField = 1 << 24;

    private readonly StringBuilder _field = new();
    private long _lineEnds;

    /// <summary>The fields of the record; used again for the next.</summary>
    public List<string> Fields { get; } = [];

    /// <summary>Line on which the record begins, from 1.</summary>
    public long Line { get; private set; } = 1;

    /// <summary>Goes to the next record. Empty lines are none.</summary>
    /// <exception cref="FormatException">A quote is not closed, or text follows a closed one.</exception>
    public bool Next()
    {
        Fields.Clear();
        while (reader.Peek() is '\r' or '\n')
            _ = Read();
        Line = _lineEnds + 1;
        if (reader.Peek() < 0)
            return false;
        while (true)
        {
            int end = reader.Peek() == '"' ? QuotedField() : PlainField();
            Fields.Add(_field.ToString());
            _field.Clear();
            if (end != ',')
                return true;
        }
    }

    /// <summary>Reads a field and what ends it: a comma, a line end, or the end of the file (-1).</summary>
    private int PlainField()
    {
        while (true)
        {
            int character = Read();
            if (character is -1 or ',' or '\n')
                return character;
            Append(character);
        }
    }

    /// <inheritdoc cref="PlainField"/>
    private int QuotedField()
    {
        _ = Read();
        while (true)
        {
            // Within quotes a line end stays as it is written.
            int character = reader.Read();
            if (character == -1)
                throw new FormatException("a quote is not closed");
            if (character == '"' && reader.Peek() != '"')
                break;
            if (character == '"')
                _ = reader.Read();
            if (character == '\n')
                _lineEnds++;
            Append(character);
        }

        int end = Read();
        return end is -1 or ',' or '\n' ? end : throw new FormatException($"'{(char)end}' follows a closing quote, expected a comma or the end of the line");
    }

    /// <summary>The next character, any line end as a line feed.</summary>
    private int Read()
    {
        int character = reader.Read();
        if (character == '\r')
        {
            if (reader.Peek() == '\n')
                _ = reader.Read();
            character = '\n';
        }

        if (character == '\n')
            _lineEnds++;
        return character;
    }

    private void Append(int character)
    {
        if (_field.Length == MaxField)
            throw new FormatException($"a field is longer than {MaxField} characters; is a quote not closed?");
        _field.Append((char)character);
    }
}
