using System.IO.Compression;
using System.Text;
using Dino.Gpu.Data.Inputs;
using Dino.Gpu.Data.Vectors;

namespace Dino.Gpu.Fuzz.Targets;

/// <summary>Files of embeddings, and lists of inputs.</summary>
internal static class TableTargets
{
    private static readonly byte[][] NumPy =
    [
        .. new[]
        {
            "\u0093NUMPY\u0001\0", "'descr': '<f4'", "'descr': '<f2'", "'descr': '<f8'", "'descr': '<U8'", "'descr': '<i8'", "'|b1'",
            "'fortran_order': True", "'shape': (0, 4)", "'shape': (4,)", "'shape': (4, 3)", "'<U99999999'", "'<U1'",
        }.Select(Encoding.Latin1.GetBytes)
    ];

    private static readonly byte[][] Rows = CheckpointTargets.Json(
        "path", "file_name", "embedding", "shape", "row", "width", "height", "sha256", "error", "label", "e0", "e1");

    private static readonly byte[][] Lines =
    [
        "path"u8.ToArray(), ","u8.ToArray(), "\""u8.ToArray(), "\"\""u8.ToArray(), "\r\n"u8.ToArray(), "e0"u8.ToArray(), "e1"u8.ToArray(),
        "embedding"u8.ToArray(), "error"u8.ToArray(), "[0.5 1]"u8.ToArray(), [0xEF, 0xBB, 0xBF], [0xFF, 0xFE],
    ];

    private static readonly byte[][] Parquet =
    [
        "PAR1"u8.ToArray(), [0x15, 0], [0x25, 2], [0x19, 0x1C], [0x28, 4], [0x18], [0x2C], [0xFF, 0xFF, 0xFF, 0xFF, 0x0F],
        "schema"u8.ToArray(),
    ];

    private static readonly byte[][] Archive =
    [
        "ustar\0"u8.ToArray(), "ustar  \0"u8.ToArray(), "1 path=a.png\n"u8.ToArray(), "GNU.sparse.name"u8.ToArray(), new byte[512],
        "00000000017\0"u8.ToArray(), "x"u8.ToArray(), "L"u8.ToArray(), "99999 size=9\n"u8.ToArray(), ".png"u8.ToArray(),
        [0x80, 0, 0, 0],
    ];

    /// <summary>What stands before an array in an archive.</summary>
    private static readonly string[] Arrays = ["embedding", "path", "label", "error", "sha256", "width", "row", "other"];

    public static IEnumerable<FuzzTarget> All { get; } =
    [
        new("npy", input => ReadTable(input.Write("table.npy"))) { Tokens = NumPy },
        new("npz", input => ReadTable(input.Write("table.npz"))) { Tokens = [.. NumPy, "embedding.npy"u8.ToArray()], Repair = Repairs.Zip },
        new("npz-arrays", input => ReadTable(input.Write("arrays.npz", Pack(input.Bytes)))) { Tokens = NumPy },
        new("jsonl", input => ReadTable(input.Write("table.jsonl"))) { Tokens = Rows },
        new("csv", input => ReadTable(input.Write("table.csv"))) { Tokens = Lines },
        new("parquet", input => ReadTable(input.Write("table.parquet"))) { Tokens = Parquet, IsNative = true, IsGuided = false },
        new("safetensors-table", input => ReadTable(input.Write("table.safetensors")))
        {
            Tokens = CheckpointTargets.Json("embedding", "row", "width", "dtype", "shape", "data_offsets", "F32", "F16", "dino.provenance"),
        },
        new("index", input => ReadIndex(input.Write("table.dinoidx")))
        {
            Tokens = [.. CheckpointTargets.Json("sha256", "columns", "name", "type", "model"), "ROWS"u8.ToArray(), "RMVD"u8.ToArray()],
            Repair = Repairs.Index,
        },
        new("list", input => ReadInputs('@' + input.Write("list.txt"))) { Tokens = ["\n"u8.ToArray(), "\0"u8.ToArray(), [0x1F, 0x8B]] },
        new("list-csv", input => ReadInputs(input.Write("list.csv"))) { Tokens = Lines },
        new("list-jsonl", input => ReadInputs(input.Write("list.jsonl"))) { Tokens = Rows },
        new("list-json", input => ReadInputs(input.Write("list.json"))) { Tokens = Rows },
        new("list-parquet", input => ReadInputs(input.Write("list.parquet"))) { Tokens = Parquet, IsNative = true, IsGuided = false },
        new("tar", input => ReadInputs(input.Write("images.tar"))) { Tokens = Archive, Repair = Repairs.Tar },
    ];

    private static void ReadTable(string path) => EmbeddingTable.Load(path, CancellationToken.None);

    /// <summary>Searches an index where it lies, and reads all of it.</summary>
    private static void ReadIndex(string path)
    {
        using (var index = VectorIndex.Open(path))
        {
            float[] query = new float[Math.Min(index.Dimension, 1 << 16)];
            query[0] = 1;
            if (query.Length == index.Dimension)
                index.Search(query, 3);
        }

        ReadTable(path);
    }

    /// <summary>Settles the list of inputs, as every command does, and reads it back.</summary>
    private static void ReadInputs(string argument)
    {
        using InputList list = InputList.Settle([argument]);
        foreach (InputItem item in list.Items())
        {
            if (item.Problem is { } problem)
                Require(problem);
        }
    }

    /// <summary>What is written into a table and shown is held to the rule of messages.</summary>
    private static void Require(string problem)
    {
        if (problem.Length > 2000)
            throw new InvalidOperationException("a row's problem has more than 2000 characters");
    }

    /// <summary>Compresses what begins as arrays, each as a member of its own.</summary>
    private static byte[] Pack(byte[] bytes)
    {
        using var stream = new MemoryStream();
        using (var zip = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true))
        {
            ReadOnlySpan<byte> magic = [0x93, (byte)'N', (byte)'U', (byte)'M'];
            int number = 0;
            for (int start = 0; start < bytes.Length;)
            {
                int next = bytes.AsSpan(Math.Min(start + 1, bytes.Length)).IndexOf(magic);
                int end = next < 0 ? bytes.Length : start + 1 + next;
                string name = number < Arrays.Length ? Arrays[number] : $"column{number}";
                using Stream member = zip.CreateEntry(name + ".npy", CompressionLevel.Fastest).Open();
                member.Write(bytes.AsSpan(start..end));
                start = end;
                number++;
            }
        }

        return stream.ToArray();
    }
}
