using System.Globalization;
using CsvHelper;

namespace Dino.Gpu.Cli.Formats;

/// <summary>
/// Comma-separated values with a header, quoted as in RFC 4180, lines ended by LF, UTF-8: <c>path,width,height[,sha256],carried columns,error,e0,e1,...</c>. A grid is
/// flattened row by row. A missing cell is empty and an empty text is <c>""</c>; a failed image has empty values. Numbers are the shortest text that reads back as the
/// same float32; of float16, the rounded value.
/// </summary>
internal sealed class CsvEmbeddingWriter : IEmbeddingWriter
{
    private readonly LineOutput _output;
    private readonly RowSchema _schema;
    private readonly ValueEncoder _encoder;
    private readonly MemoryStream _line = new();
    private readonly CsvWriter _csv;

    private CsvEmbeddingWriter(LineOutput output, RowSchema schema)
    {
        _output = output;
        _schema = schema;
        _encoder = new ValueEncoder(schema);
        _csv = CsvWriter.Create(_line, new CsvWriterOptions { NewLine = "\n", FormatProvider = CultureInfo.InvariantCulture }, true);
        WriteHeader();
    }

    /// <summary>Lines into a file, which appears when complete.</summary>
    /// <exception cref="DinoException">The file cannot be created there.</exception>
    public static CsvEmbeddingWriter ToFile(string path, RowSchema schema) => new(new LineOutput(path), schema);

    /// <summary>Lines into a stream that the caller owns, such as standard output.</summary>
    public static CsvEmbeddingWriter ToStream(Stream stream, RowSchema schema) => new(new LineOutput(stream), schema);

    public void Write(RowInfo info, ReadOnlySpan<float> values)
    {
        WriteText(info.Path);
        WriteCell(info.Width);
        WriteCell(info.Height);
        if (_schema.Sha256)
            WriteText(info.Sha256);
        for (int i = 0; i < _schema.Columns.Count; i++)
            WriteCell(info.Columns[i]);
        WriteText(info.Error);
        if (info.Error is null)
        {
            foreach (float value in _encoder.Rounded(values))
                _csv.WriteField(value, default);
        }
        else
        {
            for (int i = 0; i < _schema.Length; i++)
                WriteText(null);
        }

        EndLine();
    }

    public void Flush() => _output.Flush();

    public void Complete() => _output.Complete();

    public void Dispose()
    {
        _csv.Dispose();
        _output.Dispose();
    }

    private void WriteHeader()
    {
        string[] sha256 = _schema.Sha256 ? ["sha256"] : [];
        foreach (string name in (string[])["path", "width", "height", .. sha256, .. _schema.Columns.Select(column => column.Name), "error"])
            _csv.WriteField(name);
        for (int i = 0; i < _schema.Length; i++)
            _csv.WriteField("e" + i.ToString(CultureInfo.InvariantCulture));
        EndLine();
    }

    private void WriteText(string? text)
    {
        if (text is { Length: 0 })
            _csv.WriteField(text, CsvQuoting.Always);
        else
            _csv.WriteField(text);
    }

    private void WriteCell(object? value)
    {
        switch (value)
        {
            case int integer:
                _csv.WriteField(integer, default);
                break;
            case long integer:
                _csv.WriteField(integer, default);
                break;
            case double number:
                _csv.WriteField(number, default);
                break;
            case bool truth:
                _csv.WriteField(truth ? "true" : "false");
                break;
            default:
                WriteText((string?)value);
                break;
        }
    }

    private void EndLine()
    {
        _csv.EndRecord();
        _csv.Flush();
        _output.Write(_line.GetBuffer().AsSpan(0, (int)_line.Length));
        _line.SetLength(0);
    }
}
