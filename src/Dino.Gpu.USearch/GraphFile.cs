using System.Buffers;
using System.Buffers.Binary;
using System.IO.Hashing;
using System.Text.Json;
using Dino.Gpu.Data.Formats;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Files;
using Microsoft.Win32.SafeHandles;

namespace Dino.Gpu.USearch;

/// <summary>
/// A graph in a file: the bytes of USearch, which its other libraries open as they are, then JSON with the
/// <see cref="GraphOrigin"/>, then a footer with the lengths and sums of both. USearch believes what it reads, so
/// nothing is given to it before the sum is right.
/// </summary>
internal static class GraphFile
{
    private const int Version = 1;
    private const int ChunkBytes = 1 << 20;
    private const int LongestText = 1 << 17;

    // Length of the graph, of the JSON, CRC-32 of the graph, CRC-32 of the JSON and the footer before it, magic.
    private const int FooterLength = 28;
    private const int SumStart = 16;

    private static ReadOnlySpan<byte> Magic => "DINOHNS\n"u8;

    /// <summary>Writes the file, which appears when it is complete.</summary>
    /// <exception cref="DinoException">It cannot be written, or there is not enough memory.</exception>
    public static void Write(string path, Graph graph, GraphOrigin origin)
    {
        using var file = new AtomicFile(path);
        graph.Write(bytes =>
        {
            uint sum = Chunks(bytes, chunk => file.Write(chunk), CancellationToken.None);
            byte[] text = ToJson(origin);
            byte[] footer = new byte[FooterLength];
            BinaryPrimitives.WriteInt64LittleEndian(footer, bytes.Length);
            BinaryPrimitives.WriteInt32LittleEndian(footer.AsSpan(8), text.Length);
            BinaryPrimitives.WriteUInt32LittleEndian(footer.AsSpan(12), sum);
            BinaryPrimitives.WriteUInt32LittleEndian(footer.AsSpan(SumStart), Sum(text, footer));
            Magic.CopyTo(footer.AsSpan(SumStart + sizeof(uint)));
            file.Write(text);
            file.Write(footer);
        });
        file.Complete();
    }

    /// <summary>Reads a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="check">Looks at the origin before the graph is read.</param>
    /// <param name="places">Threads that may use the graph at once.</param>
    /// <param name="cancellation">Ends the reading.</param>
    /// <exception cref="DinoException">It cannot be read, or is damaged.</exception>
    /// <exception cref="OperationCanceledException">The reading was canceled.</exception>
    public static (Graph Graph, GraphOrigin Origin) Read(
        string path, Action<GraphOrigin> check, int places, CancellationToken cancellation)
    {
        using SafeFileHandle file = EmbeddingFile.OpenHandle(path);
        try
        {
            (GraphOrigin origin, long length, uint sum) = ReadOrigin(file);
            check(origin);
            NativeBuffer bytes = Graph.Native(() => new NativeBuffer(length));
            try
            {
                long position = 0;
                uint found = Chunks(
                    bytes,
                    chunk =>
                    {
                        FileBytes.ReadExactly(file, position, chunk);
                        position += chunk.Length;
                    },
                    cancellation);
                if (found != sum)
                    throw new InvalidDataException("the graph is damaged");
            }
            catch
            {
                bytes.Dispose();
                throw;
            }

            Graph graph = Graph.View(bytes, places); // disposes them, also if it fails
            if (graph.Dimension == origin.Dimension && graph.Count <= origin.Rows)
                return (graph, origin);
            graph.Dispose();
            throw new InvalidDataException("the graph is damaged");
        }
        catch (Exception failure) when (failure is IOException or InvalidDataException or JsonException)
        {
            throw EmbeddingFile.Broken(path, failure);
        }
    }

    private static (GraphOrigin Origin, long Length, uint Sum) ReadOrigin(SafeFileHandle file)
    {
        long end = RandomAccess.GetLength(file);
        byte[] footer = new byte[FooterLength];
        if (end < footer.Length)
            throw new InvalidDataException("not a graph of dino, or truncated");
        FileBytes.ReadExactly(file, end - footer.Length, footer);
        if (!footer.AsSpan(SumStart + sizeof(uint)).SequenceEqual(Magic))
            throw new InvalidDataException("not a graph of dino, or truncated");
        long length = BinaryPrimitives.ReadInt64LittleEndian(footer);
        int textLength = BinaryPrimitives.ReadInt32LittleEndian(footer.AsSpan(8));
        if (length < 0 || textLength is < 0 or > LongestText || length != end - footer.Length - textLength)
            throw new InvalidDataException("the graph is damaged");
        byte[] text = new byte[textLength];
        FileBytes.ReadExactly(file, length, text);
        if (BinaryPrimitives.ReadUInt32LittleEndian(footer.AsSpan(SumStart)) != Sum(text, footer))
            throw new InvalidDataException("the graph is damaged");
        return (FromJson(text), length, BinaryPrimitives.ReadUInt32LittleEndian(footer.AsSpan(12)));
    }

    private static uint Sum(ReadOnlySpan<byte> text, ReadOnlySpan<byte> footer)
    {
        var crc = new Crc32();
        crc.Append(text);
        crc.Append(footer[..SumStart]);
        return crc.GetCurrentHashAsUInt32();
    }

    /// <summary>Reads or writes all bytes, one part after the other.</summary>
    /// <returns>Their CRC-32 afterwards.</returns>
    private static uint Chunks(NativeBuffer bytes, Action<Span<byte>> use, CancellationToken cancellation)
    {
        var crc = new Crc32();
        for (long start = 0; start < bytes.Length; start += ChunkBytes)
        {
            cancellation.ThrowIfCancellationRequested();
            Span<byte> chunk = bytes.Part(start, (int)Math.Min(ChunkBytes, bytes.Length - start));
            use(chunk);
            crc.Append(chunk);
        }

        return crc.GetCurrentHashAsUInt32();
    }

    private static byte[] ToJson(GraphOrigin origin)
    {
        var text = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(text))
        {
            json.WriteStartObject();
            json.WriteNumber("version", Version);
            json.WriteNumber("rows", origin.Rows);
            json.WriteNumber("dimension", origin.Dimension);
            json.WriteNumber("sum", origin.Sum);
            if (origin.Model is { } model)
            {
                json.WritePropertyName("model");
                json.WriteRawValue(model.ToJson());
            }

            json.WriteEndObject();
        }

        return text.WrittenSpan.ToArray();
    }

    private static GraphOrigin FromJson(byte[] text)
    {
        try
        {
            using var json = JsonDocument.Parse(text);
            JsonElement root = json.RootElement;
            int version = root.GetProperty("version").GetInt32();
            if (version != Version)
                throw new InvalidDataException($"a graph of version {version}, expected {Version}");
            return new GraphOrigin(
                root.GetProperty("rows").GetInt32(),
                root.GetProperty("sum").GetUInt32(),
                root.GetProperty("dimension").GetInt32(),
                root.TryGetProperty("model", out JsonElement model)
                    ? Provenance.FromJson(System.Text.Encoding.UTF8.GetBytes(model.GetRawText()))
                    : null);
        }
        catch (Exception failure) when (failure is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new InvalidDataException("the graph is damaged", failure);
        }
    }
}
