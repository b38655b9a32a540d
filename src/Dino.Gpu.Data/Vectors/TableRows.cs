using Dino.Gpu.Data.Formats;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Search;

namespace Dino.Gpu.Data.Vectors;

/// <summary>The rows of a table as rows of an index.</summary>
/// <param name="table">The table; not copied.</param>
internal sealed class TableRows(EmbeddingTable table) : IndexRows
{
    public override VectorBlock Vectors { get; } = new MemoryVectors(table.Values, table.Count, table.Dimension);

    public override RowInfo Row(int index) => table.Rows[index];

    public override IEnumerable<RowInfo> All() => table.Rows;
}
