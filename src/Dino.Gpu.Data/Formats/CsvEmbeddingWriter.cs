using System.Globalization;
using Dino.Gpu.Data.Rows;

namespace Dino.Gpu.Data.Formats;

/// <summary>
/// Comma-separated values with a header, quoted as in RFC 4180, in UTF-8, with LF at the end of lines:
/// <c>path,width,height[,sha256],carried columns,error,e0,e1,...</c>. A grid is flattened row by row. A missing cell is
/// empty, an empty text is <c>""</c>, and a failed image has empty values. Numbers are the shortest text that reads
/// back as the same float32, which is rounded before if the type is float16.
/// </summary>
internal sealed class CsvEmbeddingWriter : IEmbeddingWriter
{
    private readonly LineOutput _output;
    private readonly RowSchema _schema;
    private readonly ValueEncoder _encoder;
    private readonly CsvLine _line = new();

    private CsvEmbeddingWriter(LineOutput output, RowSchema schema)
    {
        _output = output;
        _schema = schema;
        _encoder = new ValueEncoder(schema);
        try
        {
            WriteHeader();
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Writes to a file, which appears when it is complete.</summary>
    /// <exception cref="DinoException">The file cannot be created there.</exception>
    public static CsvEmbeddingWriter ToFile(string path, RowSchema schema) => new(new LineOutput(path), schema);

    /// <summary>Writes to a stream of the caller, such as standard output.</summary>
    public static CsvEmbeddingWriter ToStream(Stream stream, RowSchema schema) => new(new LineOutput(stream), schema);

    public void Write(RowInfo info, ReadOnlySpan<float> values)
    {
        _line.Add(info.Path);
        WriteCell(info.Width);
        WriteCell(info.Height);
        if (_schema.Sha256)
            _line.Add(info.Sha256);
        for (int i = 0; i < _schema.Columns.Count; i++)
            WriteCell(info.Columns[i]);
        _line.Add(info.Error);
        if (info.Error is null)
        {
            foreach (float value in _encoder.Rounded(info, values))
                _line.Add(value);
        }
        else
        {
            for (int i = 0; i < _schema.Length; i++)
                _line.Add(null);
        }

        EndLine();
    }

    public void Flush() => _output.Flush();

    public void Complete() => _output.Complete();

    public void Dispose() => _output.Dispose();

    private void WriteHeader()
    {
        string[] sha256 = _schema.Sha256 ? ["sha256"] : [];
        foreach (string name in (string[])["path", "width", "height", .. sha256, .. _schema.Columns.Select(column => column.Name), "error"])
            _line.Add(name);
        for (int i = 0; i < _schema.Length; i++)
            _line.Add("e" + i.ToString(CultureInfo.InvariantCulture));
        EndLine();
    }

    private void WriteCell(object? value)
    {
        switch (value)
        {
            case int integer:
                _line.Add(integer);
                break;
            case long integer:
                _line.Add(integer);
                break;
            case double number:
                _line.Add(number);
                break;
            case bool truth:
                _line.Add(truth ? "true" : "false");
                break;
            default:
                _line.Add((string?)value);
                break;
        }
    }

    private void EndLine() => _output.Write(_line.End());
}
