using System.Buffers.Binary;
using System.Text;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Files;

namespace Dino.Gpu.Data.Formats;

/// <summary>
/// A <c>.safetensors</c> file with a tensor <c>embedding</c> of F32 or F16, and perhaps <c>row</c>, <c>width</c> and
/// <c>height</c>.
/// </summary>
internal sealed class SafetensorsEmbeddingReader : IEmbeddingReader
{
    private readonly Stream _stream;
    private readonly Tensor _embedding;
    private readonly Tensor? _row;
    private readonly Tensor? _width;
    private readonly Tensor? _height;
    private readonly byte[] _bytes;
    private long _next;

    /// <param name="stream">The file, disposed with the reader.</param>
    public SafetensorsEmbeddingReader(Stream stream)
    {
        _stream = stream;
        Dictionary<string, Tensor> tensors = ReadHeader(stream, out Provenance? provenance);
        if (!tensors.TryGetValue("embedding", out Tensor? embedding))
            throw new InvalidDataException("there is no tensor 'embedding'");
        if (embedding.Type is not ("F32" or "F16") || embedding.Shape.Length < 2 || !RowSchema.IsReadable(embedding.Shape.Skip(1)))
            throw Unexpected("embedding", embedding, "F32 or F16 of (rows, values)");
        _embedding = embedding;
        _row = Column(tensors, "row", "I64");
        _width = Column(tensors, "width", "I32");
        _height = Column(tensors, "height", "I32");
        _bytes = new byte[embedding.RowBytes];
        Schema = new RowSchema(
            [.. embedding.Shape.Skip(1).Select(side => (int)side)],
            embedding.Type == "F16" ? FloatType.Float16 : FloatType.Float32,
            false,
            [])
        {
            Provenance = provenance,
        };
    }

    public RowSchema Schema { get; }

    public RowInfo? Read(Span<float> values)
    {
        if (_next == _embedding.Shape[0])
            return null;
        ReadRow(_embedding, _bytes);
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = _embedding.ElementSize == 2
                ? (float)BinaryPrimitives.ReadHalfLittleEndian(_bytes.AsSpan(i * 2))
                : BinaryPrimitives.ReadSingleLittleEndian(_bytes.AsSpan(i * 4));
        }

        var info = new RowInfo
        {
            Row = Cell(_row) ?? _next,
            Path = "",
            Width = Size(_width),
            Height = Size(_height),
            Error = EmbeddingFile.MissingValues(values),
        };
        _next++;
        return info;
    }

    public void Dispose() => _stream.Dispose();

    private static Dictionary<string, Tensor> ReadHeader(Stream stream, out Provenance? provenance)
    {
        Span<byte> start = stackalloc byte[SafetensorsHeader.LengthBytes];
        stream.ReadExactly(start);
        byte[] json = new byte[SafetensorsHeader.JsonLength(start, stream.Length)];
        stream.ReadExactly(json);
        var header = SafetensorsHeader.Parse(json, stream.Length);
        provenance = header.Metadata.TryGetValue(Provenance.MetadataKey, out string? made)
            ? Provenance.FromJson(Encoding.UTF8.GetBytes(made))
            : null;
        return header.Tensors.Where(tensor => tensor is { ElementSize: not null, Shape.Length: > 0 })
            .ToDictionary(tensor => tensor.Name, tensor => Tensor.Of(tensor, header.DataStart), StringComparer.Ordinal);
    }

    private Tensor? Column(Dictionary<string, Tensor> tensors, string name, string type)
    {
        if (!tensors.TryGetValue(name, out Tensor? tensor))
            return null;
        return tensor.Type == type && tensor.Shape.Length == 1 && tensor.Shape[0] == _embedding.Shape[0]
            ? tensor
            : throw Unexpected(name, tensor, $"{type} of ({_embedding.Shape[0]})");
    }

    private static InvalidDataException Unexpected(string name, Tensor tensor, string expected) =>
        new($"the tensor '{name}' is {tensor.Type} of ({string.Join(", ", tensor.Shape)}), expected {expected}");

    private void ReadRow(Tensor tensor, Span<byte> bytes)
    {
        _stream.Position = tensor.Start + _next * tensor.RowBytes;
        _stream.ReadExactly(bytes);
    }

    private long? Cell(Tensor? tensor)
    {
        if (tensor is null)
            return null;
        Span<byte> bytes = stackalloc byte[8];
        ReadRow(tensor, bytes[..tensor.ElementSize]);
        return tensor.ElementSize == 8 ? BinaryPrimitives.ReadInt64LittleEndian(bytes) : BinaryPrimitives.ReadInt32LittleEndian(bytes);
    }

    private int? Size(Tensor? tensor) => Cell(tensor) is { } size and >= 0 ? (int)size : null;

    private sealed record Tensor(string Type, long[] Shape, long Start, int ElementSize, long RowBytes)
    {
        public static Tensor Of(SafetensorsTensor tensor, long dataStart) => new(
            tensor.Type,
            tensor.Shape,
            dataStart + tensor.Begin,
            tensor.ElementSize!.Value,
            tensor.Shape[0] == 0 ? 0 : (tensor.End - tensor.Begin) / tensor.Shape[0]);
    }
}
