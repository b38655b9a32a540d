using System.Buffers;
using System.Buffers.Binary;
using System.IO.Hashing;
using System.Text.Json;
using Dino.Gpu.Data.Rows;
using Microsoft.Win32.SafeHandles;

namespace Dino.Gpu.Data.Formats;

/// <summary>
/// The start of an index: magic, version, dimension and type of the values, then two places for an
/// <see cref="IndexCommit"/>, each in a sector of its own, then JSON with the columns and what made the vectors. All
/// numbers are little-endian. <see cref="IndexSegment"/>s follow.
/// </summary>
/// <param name="Schema">What a row holds; its shape is the dimension.</param>
internal sealed record IndexHeader(RowSchema Schema)
{
    /// <summary>Parts of the file begin at multiples of this.</summary>
    public const int Alignment = 64;

    private const int Version = 1;
    private const int SectorLength = 512;
    private const int TextStart = 3 * SectorLength;
    private const int LongestText = 16 << 20;

    // The first sector: magic, version, dimension, bytes of a value, length of the JSON, CRC-32 of this and the JSON.
    private const int FixedLength = 24;

    private static ReadOnlySpan<byte> Magic => "DINOIDX\n"u8;

    /// <summary>Values of a vector.</summary>
    public int Dimension => Schema.Shape[0];

    /// <summary>Bytes of a value.</summary>
    public int ValueBytes => Schema.Type == FloatType.Float16 ? sizeof(ushort) : sizeof(float);

    /// <summary>Where the first segment begins.</summary>
    public long DataStart { get; private init; }

    /// <summary>Where one of the two commits stands.</summary>
    /// <param name="sequence">The number of the commit: they take turns.</param>
    public static int CommitStart(long sequence) => SectorLength * (1 + (int)(sequence & 1));

    /// <summary>The first multiple of <see cref="Alignment"/> from here on.</summary>
    public static long Align(long position) => checked(position + Alignment - 1) / Alignment * Alignment;

    /// <summary>The start of a new file, without a commit.</summary>
    public static (IndexHeader Header, byte[] Bytes) Create(RowSchema schema)
    {
        byte[] text = Text(schema);
        var header = new IndexHeader(schema) { DataStart = Align(TextStart + text.Length) };
        byte[] bytes = new byte[header.DataStart];
        Magic.CopyTo(bytes);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(8), Version);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(12), header.Dimension);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(16), header.ValueBytes);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(20), text.Length);
        text.CopyTo(bytes, TextStart);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(FixedLength), Sum(bytes, text));
        return (header, bytes);
    }

    /// <summary>Whether a file begins as an index does.</summary>
    public static bool IsAtStart(ReadOnlySpan<byte> bytes) => bytes.StartsWith(Magic);

    /// <summary>Reads the start of a file.</summary>
    /// <exception cref="InvalidDataException">It is no index, or it is damaged.</exception>
    public static IndexHeader Read(SafeFileHandle file)
    {
        byte[] start = new byte[TextStart];
        if (RandomAccess.Read(file, start, 0) < start.Length || !IsAtStart(start))
            throw new InvalidDataException("not an index of dino, or truncated");
        int version = BinaryPrimitives.ReadInt32LittleEndian(start.AsSpan(8));
        if (version != Version)
            throw new InvalidDataException($"an index of version {version}, expected {Version}");
        int dimension = BinaryPrimitives.ReadInt32LittleEndian(start.AsSpan(12));
        int valueBytes = BinaryPrimitives.ReadInt32LittleEndian(start.AsSpan(16));
        int length = BinaryPrimitives.ReadInt32LittleEndian(start.AsSpan(20));
        if (length is < 0 or > LongestText || length > RandomAccess.GetLength(file) - TextStart)
            throw new InvalidDataException("the header of the index is damaged");
        byte[] text = new byte[length];
        if (RandomAccess.Read(file, text, TextStart) < length
            || Sum(start, text) != BinaryPrimitives.ReadUInt32LittleEndian(start.AsSpan(FixedLength)))
            throw new InvalidDataException("the header of the index is damaged");
        if (!RowSchema.IsReadable([dimension]) || valueBytes is not (sizeof(ushort) or sizeof(float)))
            throw new InvalidDataException($"an index of vectors of {dimension} values, {valueBytes} bytes each");
        RowSchema schema = ParseText(text, dimension, valueBytes == sizeof(ushort) ? FloatType.Float16 : FloatType.Float32);
        return new IndexHeader(schema) { DataStart = Align(TextStart + length) };
    }

    private static uint Sum(ReadOnlySpan<byte> start, ReadOnlySpan<byte> text)
    {
        var crc = new Crc32();
        crc.Append(start[..FixedLength]);
        crc.Append(text);
        return crc.GetCurrentHashAsUInt32();
    }

    private static byte[] Text(RowSchema schema)
    {
        var text = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(text))
        {
            json.WriteStartObject();
            json.WriteBoolean("sha256", schema.Sha256);
            json.WriteStartArray("columns");
            foreach (CarriedColumn column in schema.Columns)
            {
                json.WriteStartObject();
                json.WriteString("name", column.Name);
                json.WriteString("type", column.Type.ToString());
                json.WriteEndObject();
            }

            json.WriteEndArray();
            if (schema.Provenance is { } provenance)
            {
                json.WritePropertyName("model");
                json.WriteRawValue(provenance.ToJson());
            }

            json.WriteEndObject();
        }

        return text.WrittenSpan.ToArray();
    }

    private static RowSchema ParseText(byte[] text, int dimension, FloatType type)
    {
        try
        {
            using var json = JsonDocument.Parse(text);
            JsonElement root = json.RootElement;
            JsonElement names = root.GetProperty("columns");
            if (names.GetArrayLength() > ColumnScan.MaxColumns)
                throw new InvalidDataException($"it has {names.GetArrayLength()} columns, the limit is {ColumnScan.MaxColumns}");
            CarriedColumn[] columns =
            [
                .. names.EnumerateArray().Select(column => new CarriedColumn(
                    column.GetProperty("name").GetString() ?? throw new JsonException(),
                    Enum.TryParse(column.GetProperty("type").GetString(), out ColumnType one) && Enum.IsDefined(one)
                        ? one
                        : throw new JsonException())),
            ];
            return new RowSchema([dimension], type, root.GetProperty("sha256").GetBoolean(), columns)
            {
                Provenance = root.TryGetProperty("model", out JsonElement model)
                    ? Provenance.FromJson(System.Text.Encoding.UTF8.GetBytes(model.GetRawText()))
                    : null,
            };
        }
        catch (Exception failure) when (failure is JsonException or KeyNotFoundException or InvalidOperationException or ArgumentException)
        {
            throw new InvalidDataException("the header of the index is damaged", failure);
        }
    }
}
