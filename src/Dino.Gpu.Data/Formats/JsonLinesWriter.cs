using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Dino.Gpu.Data.Rows;

namespace Dino.Gpu.Data.Formats;

/// <summary>
/// One JSON object per line: <c>{"path":"cat.jpg","width":640,"height":480,"embedding":[0.1,...]}</c>, with
/// <c>"sha256"</c> if asked for, carried columns under their names, and <c>"shape"</c> if a row is more than a vector.
/// A failed image is <c>{"path":"bad.jpg","embedding":null,"error":"..."}</c>. Numbers are the shortest text that reads
/// back as the same float32, which is rounded before if the type is float16.
/// </summary>
internal sealed class JsonLinesWriter : IEmbeddingWriter
{
    // Lines are data, not HTML: letters of other languages in file names stay readable.
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly LineOutput _output;
    private readonly RowSchema _schema;
    private readonly ValueEncoder _encoder;
    private readonly ArrayBufferWriter<byte> _line = new();
    private readonly Utf8JsonWriter _json;

    private JsonLinesWriter(LineOutput output, RowSchema schema)
    {
        _output = output;
        _schema = schema;
        _encoder = new ValueEncoder(schema);
        _json = new Utf8JsonWriter(_line, Options);
    }

    /// <summary>Writes to a file, which appears when it is complete.</summary>
    /// <exception cref="DinoException">The file cannot be created there.</exception>
    public static JsonLinesWriter ToFile(string path, RowSchema schema) => new(new LineOutput(path), schema);

    /// <summary>Writes to a stream of the caller, such as standard output.</summary>
    public static JsonLinesWriter ToStream(Stream stream, RowSchema schema) => new(new LineOutput(stream), schema);

    public void Write(RowInfo info, ReadOnlySpan<float> values)
    {
        _json.WriteStartObject();
        WriteText("path", info.Path);
        if (info.Width is { } width)
            _json.WriteNumber("width", width);
        if (info.Height is { } height)
            _json.WriteNumber("height", height);
        if (_schema.Sha256)
            WriteText("sha256", info.Sha256);
        for (int i = 0; i < _schema.Columns.Count; i++)
            WriteColumn(_schema.Columns[i].Name, info.Columns[i]);
        if (info.Error is not null)
        {
            _json.WriteNull("embedding");
            WriteText("error", info.Error);
        }
        else
        {
            WriteValues(_encoder.Rounded(info, values));
        }

        EndLine();
    }

    public void Flush() => _output.Flush();

    public void Complete() => _output.Complete();

    public void Dispose()
    {
        _json.Dispose();
        _output.Dispose();
    }

    private void WriteColumn(string name, object? value)
    {
        switch (value)
        {
            case long integer:
                _json.WriteNumber(name, integer);
                break;
            case bool truth:
                _json.WriteBoolean(name, truth);
                break;
            case double number when double.IsFinite(number):
                // A point or an exponent tells a reader that the column does not hold integers.
                string digits = number.ToString("R", CultureInfo.InvariantCulture);
                _json.WritePropertyName(name);
                _json.WriteRawValue(digits.AsSpan().ContainsAny('.', 'E') ? digits : digits + ".0", skipInputValidation: true);
                break;
            default:
                WriteText(name, value as string);
                break;
        }
    }

    /// <summary>
    /// Replaces half of a surrogate pair by U+FFFD. A file name on Windows may hold one, but JSON is Unicode.
    /// </summary>
    public static string Unicode(string text) =>
        text.AsSpan().ContainsAnyInRange('\uD800', '\uDFFF') ? Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text)) : text;

    private void WriteText(string name, string? text)
    {
        if (text is null)
            _json.WriteNull(name);
        else
            _json.WriteString(name, Unicode(text));
    }

    private void WriteValues(ReadOnlySpan<float> values)
    {
        if (_schema.Shape.Count > 1)
        {
            _json.WriteStartArray("shape");
            foreach (int side in _schema.Shape)
                _json.WriteNumberValue(side);
            _json.WriteEndArray();
        }

        _json.WriteStartArray("embedding");
        foreach (float value in values)
        {
            // JSON has no NaN. Only a damaged checkpoint makes one.
            if (float.IsFinite(value))
                _json.WriteNumberValue(value);
            else
                _json.WriteNullValue();
        }

        _json.WriteEndArray();
    }

    private void EndLine()
    {
        _json.WriteEndObject();
        _json.Flush();
        _line.Write("\n"u8);
        _output.Write(_line.WrittenSpan);
        _line.ResetWrittenCount();
        _json.Reset();
    }
}
