using Dino.Gpu.Data.Inputs;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Data.Runs;
using Dino.Gpu.Data.Vectors;

namespace Dino.Gpu.Fuzz.Targets;

/// <summary>What a run keeps in its folder.</summary>
internal static class RunTargets
{
    private const int RowLength = 4;

    public static IEnumerable<FuzzTarget> All { get; } =
    [
        new("journal", ReadJournal) { Repair = Repairs.Journal },
        new("run", ReadRun)
        {
            Tokens = CheckpointTargets.Json("provenance", "maxPixels", "device", "format", "dType", "sha256", "onError", "shardSize",
                "inputs", "inputRows", "firstRow", "lastRow", "shardIndex", "shardCount", "hiddenSize", "patchSize", "output", "cls+mean"),
        },
        new("errors", input =>
        {
            foreach (RowInfo _ in ErrorLog.Read(input.Write("errors.jsonl")))
            {
            }
        })
        {
            Tokens = CheckpointTargets.Json("row", "path", "error"),
        },
        new("manifest", ReadManifest)
        {
            Tokens = CheckpointTargets.Json("dino_manifest", "columns", "name", "type", "text", "integer", "number", "boolean", "path",
                "archive", "offset", "length", "problem"),
        },
    ];

    private static void ReadJournal(FuzzInput input)
    {
        using var journal = ShardJournal.Open(input.Write("shard-00000.journal"), RowLength, rows: 1000);
        foreach (JournalRow _ in journal.Rows())
        {
        }
    }

    /// <summary>A finished run whose record may be any.</summary>
    private static void ReadRun(FuzzInput input)
    {
        string folder = Path.Combine(input.Folder, "run");
        if (!Directory.Exists(folder))
            SeedFiles.CopyRun(folder);
        input.Write(Path.Combine("run", RunRecord.FileName));
        EmbeddingTable.Load(folder, CancellationToken.None);
    }

    private static void ReadManifest(FuzzInput input)
    {
        using var list = InputList.Open(input.Write("manifest.jsonl"));
        foreach (InputItem _ in list.Items())
        {
        }
    }
}
