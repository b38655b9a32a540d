using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using Dino.Gpu.Cli.Output;

namespace Dino.Gpu.Cli.Formats;

/// <summary>
/// One JSON object a line: <c>{"path":"cat.jpg","embedding":[0.1,...]}</c>, with <c>"shape"</c> where a row is more than a vector,
/// and <c>{"path":"bad.jpg","embedding":null,"error":"..."}</c>. Numbers are the shortest text that reads back as the same float32.
/// </summary>
internal sealed class JsonLinesWriter : IEmbeddingWriter
{
    // Lines are data, not HTML: letters of other languages in file names stay readable.
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly OutputFile? _file;
    private readonly Stream? _stream;
    private readonly RowSchema _schema;
    private readonly ArrayBufferWriter<byte> _line = new();
    private readonly Utf8JsonWriter _json;

    private JsonLinesWriter(OutputFile? file, Stream? stream, RowSchema schema)
    {
        _file = file;
        _stream = stream;
        _schema = schema;
        _json = new Utf8JsonWriter(_line, Options);
    }

    /// <summary>Lines into a file, which appears when complete.</summary>
    /// <exception cref="DinoException">The file cannot be created there.</exception>
    public static JsonLinesWriter ToFile(string path, RowSchema schema) => new(new OutputFile(path), null, schema);

    /// <summary>Lines into a stream that the caller owns, such as standard output.</summary>
    public static JsonLinesWriter ToStream(Stream stream, RowSchema schema) => new(null, stream, schema);

    public void Write(RowInfo info, ReadOnlySpan<float> values)
    {
        _json.WriteStartObject();
        _json.WriteString("path", info.Path);
        if (info.Error is not null)
        {
            _json.WriteNull("embedding");
            _json.WriteString("error", info.Error);
        }
        else
        {
            WriteValues(values);
        }

        EndLine();
    }

    public void Flush() => _stream?.Flush();

    public void Complete()
    {
        _stream?.Flush();
        _file?.Complete();
    }

    public void Dispose()
    {
        _json.Dispose();
        _file?.Dispose();
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
            // JSON has no NaN; only a damaged checkpoint makes one.
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
        _file?.Write(_line.WrittenSpan);
        _stream?.Write(_line.WrittenSpan);
        _line.ResetWrittenCount();
        _json.Reset();
    }
}
