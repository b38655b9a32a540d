using System.Formats.Tar;
using System.IO.Compression;
using System.Text;
using Dino.Gpu.Classification;
using Dino.Gpu.Data.Formats;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Data.Vectors;

namespace Dino.Gpu.Fuzz;

/// <summary>
/// Writes the seeds of the corpus: files that dino writes, and small ones of others from the tests. Findings lie beside
/// them under names of their own and stay.
/// </summary>
/// <param name="corpus">The folder, with one for each target.</param>
internal sealed class SeedCorpus(string corpus)
{
    private const string Prefix = "seed-";

    private static readonly CarriedColumn[] Columns =
        [new("label", ColumnType.Text), new("id", ColumnType.Integer), new("x", ColumnType.Number)];

    /// <summary>Writes them all.</summary>
    public void Write()
    {
        WriteCheckpoints();
        WriteTables();
        WriteLists();
        WriteRuns();
        WritePictures();
    }

    private void WriteCheckpoints()
    {
        byte[] pickle = SeedFiles.Pickle(isLegacy: false);
        Add("pickle", "model", pickle);
        Add("torch-zip", "model", Zip(("archive/data.pkl", pickle), ("archive/byteorder", "little"u8.ToArray()),
            ("archive/data/0", new byte[4 * SeedFiles.StorageLength]), ("archive/version", "3\n"u8.ToArray())));
        Add("torch-legacy", "model", SeedFiles.Legacy());
        Add("safetensors", "model", Written("model.safetensors", SeedFiles.WriteWeights));
        Add("config", "model", """
            {"model_type": "vit", "hidden_act": "gelu", "qkv_bias": true, "num_channels": 3, "hidden_size": 2,
            "num_attention_heads": 1, "num_hidden_layers": 1, "intermediate_size": 2, "patch_size": [1, 1], "image_size": 1,
            "layer_norm_eps": 1e-12}
            """u8.ToArray());
        var probe = new LinearProbe(new float[6], new float[2], ["cat", "dog"])
        {
            Metadata = new Dictionary<string, string> { ["a"] = "b" },
        };
        Add("probe", "two", Written("probe.safetensors", path => ProbeFile.Write(path, probe)));
    }

    private void WriteTables()
    {
        foreach (EmbeddingFormat format in FormatCatalog.All)
        {
            string target = format == FormatCatalog.Safetensors ? "safetensors-table" : format.Name;
            Add(target, "rows", Written("rows" + format.Extensions[0], path => WriteRows(format, path, FloatType.Float32)));
            if (format != FormatCatalog.JsonLines && format != FormatCatalog.Csv)
                Add(target, "half", Written("rows" + format.Extensions[0], path => WriteRows(format, path, FloatType.Float16)));
        }

        foreach (FloatType type in new[] { FloatType.Float32, FloatType.Float16 })
            Add("index", type.ToString(), Written("rows.dinoidx", path => WriteRows(FormatCatalog.Index, path, type)));
        Add("index", "removed", Written("removed.dinoidx", WriteIndex));
        Add("npz-arrays", "rows", [.. Array("<f4", "(3, 2)", 24), .. Array("<U4", "(3,)", 48), .. Array("<i8", "(3,)", 24)]);
        Add("npz", "deflated", Zip(("embedding.npy", Array("<f8", "(3, 2)", 48)), ("label.npy", Array("|b1", "(3,)", 3))));
        Add("csv", "list", "embedding,path\n\"[0.5, 1]\",a.png\n\"[2 3]\",\"b,c.png\"\n"u8.ToArray());
        Add("jsonl", "nested", "{\"embedding\":[[1,2],[3,4]],\"shape\":[2,2],\"tags\":{\"a\":[1]}}\n{\"embedding\":null}\n"u8.ToArray());
        foreach (string file in new[] { "manifests/duckdb_types.parquet", "before/rows.parquet", "parquet/list-whole.parquet" })
            AddGolden("parquet", file);
    }

    private void WriteLists()
    {
        Add("list", "lines", "a.png\n\nb c.png\r\n"u8.ToArray());
        Add("list", "zeros", "a.png\0b\n.png\0"u8.ToArray());
        Add("list-csv", "labels", "path,label,id\na.png,cat,1\n\"b,c.png\",\"a \"\"b\"\"\",\n"u8.ToArray());
        Add("list-csv", "index", ",file_name\n0,a.png\n1,b.png\n"u8.ToArray());
        Add("list-jsonl", "labels", """
            {"path":"a.png","label":"cat","id":1}
            {"path":"b.png","id":0.5,"z":[1]}

            """u8.ToArray());
        Add("list-json", "labels", "[{\"file\":\"a.png\",\"seen\":true},\n {\"file\":\"b.png\"}]"u8.ToArray());
        AddGolden("list-parquet", "before/finished-parquet/shard-00002.parquet");
        foreach (string encoding in new[] { "dictionary-whole", "delta-packed", "delta-prefixes" })
            AddGolden("list-parquet", $"parquet/{encoding}.parquet");
        foreach (TarEntryFormat format in new[] { TarEntryFormat.V7, TarEntryFormat.Ustar, TarEntryFormat.Pax, TarEntryFormat.Gnu })
            Add("tar", format.ToString().ToLowerInvariant(), Tar(format));
    }

    private void WriteRuns()
    {
        AddGolden("run", "before/finished-npy/run.json");
        AddGolden("errors", "before/finished-npy/errors.jsonl");
        AddGolden("manifest", "before/finished-npy/manifest.jsonl");
        AddGolden("journal", "before/interrupted-npy/shard-00001.journal");
        Add("manifest", "archive", """
            {"dino_manifest":1,"columns":[]}
            {"path":"a","archive":"t.tar","offset":512,"length":9}
            {"path":"b","problem":"gone"}

            """u8.ToArray());
    }

    private void WritePictures()
    {
        string[] pictures =
        [
            "images/one_pixel.png", "images/tiny_5x7.png", "pillow/png_type3_4bit_interlaced.png", "pillow/png_transparent_palette.png",
            "pillow/png_type0_2bit.png", "pillow/jpeg_gray.jpg", "pillow/jpeg_tiny4_420.jpg", "pillow/jpeg_progressive_without_end.jpg",
            "pillow/jpeg_restart.jpg", "pillow/jpeg_mjpeg_420.jpg", "pillow/gif_animated.gif", "pillow/gif_interlaced.gif",
            "pillow/gif_smaller_local_transparent.gif", "pillow/bmp_rle4.bmp", "pillow/bmp_rle8_delta.bmp", "pillow/bmp_12_1bit.bmp",
            "pillow/bmp_124_1bit.bmp",
        ];
        foreach (string target in new[] { "header", "stb", "skia" })
        {
            foreach (string picture in pictures)
                AddGolden(target, picture);
        }

        foreach (string tiff in new[]
        {
            "tiff_bilevel_group3", "tiff_bilevel_group4", "tiff_bilevel_tiff_lzw", "tiff_gray_2bit_1", "tiff_jpeg_gray", "tiff_jpeg_ycbcr",
            "tiff_palette", "tiff_rgb_packbits", "tiff_la",
        })
            AddGolden("tiff", $"pillow/{tiff}.tif");
        foreach (string icon in new[] { "ico_1bit", "ico_4bit", "ico_24bit", "ico_png" })
            AddGolden("ico", $"pillow/{icon}.ico");
        AddGolden("header", "pillow/tiff_palette.tif");
        AddGolden("header", "pillow/ico_1bit.ico");
        Add("skia", "webp", Convert.FromBase64String("UklGRiIAAABXRUJQVlA4IBYAAAAwAQCdASoBAAEADsD+JaQAA3AAAAAA"));
        Add("header", "webp", Convert.FromBase64String("UklGRiIAAABXRUJQVlA4IBYAAAAwAQCdASoBAAEADsD+JaQAA3AAAAAA"));
    }

    private static void WriteRows(EmbeddingFormat format, string path, FloatType type)
    {
        using IEmbeddingWriter writer = FormatCatalog.Create(format, path, new RowSchema([4], type, true, Columns));
        for (int i = 0; i < 5; i++)
        {
            bool failed = i == 3;
            writer.Write(
                new RowInfo
                {
                    Row = i,
                    Path = $"{i}.png",
                    Width = failed ? null : i,
                    Height = failed ? null : 7,
                    Sha256 = failed ? null : new string('0', 64),
                    Error = failed ? "truncated" : null,
                    Columns = ["cat", (long)i, i == 1 ? null : 0.5],
                },
                failed ? [float.NaN, float.NaN, float.NaN, float.NaN] : [i, 1, 0.25f, -1]);
        }

        writer.Complete();
    }

    /// <summary>Two segments, and a row that is removed.</summary>
    private static void WriteIndex(string path)
    {
        using var index = VectorIndex.CreateFile(path, 2);
        index.Add("a", [1, 2]);
        index.Add("b", [2, 1]);
        index.Save();
        index.Add("c", [0, 0]);
        index.Remove("a");
        index.Save();
    }

    private static byte[] Array(string type, string shape, int bytes)
    {
        string header = $"{{'descr': '{type}', 'fortran_order': False, 'shape': {shape}, }}\n";
        return [0x93, .. "NUMPY"u8, 1, 0, (byte)header.Length, 0, .. Encoding.ASCII.GetBytes(header), .. new byte[bytes]];
    }

    private static byte[] Tar(TarEntryFormat format)
    {
        using var stream = new MemoryStream();
        using (var tar = new TarWriter(stream, format, leaveOpen: true))
        {
            string longName = $"{new string('n', 60)}/{new string('m', format == TarEntryFormat.V7 ? 9 : 60)}.jpg";
            foreach (string name in new[] { "a/b.png", longName })
            {
                TarEntry entry = format switch
                {
                    TarEntryFormat.V7 => new V7TarEntry(TarEntryType.V7RegularFile, name),
                    TarEntryFormat.Ustar => new UstarTarEntry(TarEntryType.RegularFile, name),
                    TarEntryFormat.Pax => new PaxTarEntry(TarEntryType.RegularFile, name),
                    _ => new GnuTarEntry(TarEntryType.RegularFile, name),
                };
                entry.ModificationTime = DateTimeOffset.UnixEpoch;
                entry.DataStream = new MemoryStream("not a picture"u8.ToArray());
                tar.WriteEntry(entry);
            }
        }

        return stream.ToArray();
    }

    private static byte[] Zip(params (string Name, byte[] Content)[] members)
    {
        using var stream = new MemoryStream();
        using (var zip = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach ((string name, byte[] content) in members)
            {
                bool isArray = name.EndsWith(".npy", StringComparison.Ordinal);
                ZipArchiveEntry entry = zip.CreateEntry(name, isArray ? CompressionLevel.Optimal : CompressionLevel.NoCompression);
                entry.LastWriteTime = new DateTimeOffset(1980, 1, 1, 0, 0, 0, TimeSpan.Zero);
                using Stream member = entry.Open();
                member.Write(content);
            }
        }

        return stream.ToArray();
    }

    private static byte[] Written(string name, Action<string> write)
    {
        string folder = Directory.CreateTempSubdirectory("dino-seeds-").FullName;
        try
        {
            string path = Path.Combine(folder, name);
            write(path);
            return File.ReadAllBytes(path);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private void AddGolden(string target, string file) =>
        Add(target, Path.GetFileName(file), File.ReadAllBytes(Path.Combine(SourceFolder.Golden, file)));

    private void Add(string target, string name, byte[] content)
    {
        string folder = Path.Combine(corpus, target);
        Directory.CreateDirectory(folder);
        File.WriteAllBytes(Path.Combine(folder, Prefix + name), content);
    }
}
