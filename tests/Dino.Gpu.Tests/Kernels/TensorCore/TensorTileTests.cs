using Dino.Gpu.Kernels.TensorCore;
using Dino.Gpu.Kernels.Warpgroup;
using Dino.Gpu.Ops.Portable;

namespace Dino.Gpu.Tests.Kernels.TensorCore;

/// <summary>
/// The index arithmetic of the products as pure functions, for every thread, and which tile a product gets.
/// </summary>
public sealed class TensorTileTests
{
    /// <summary>
    /// Each chunk of a tile is copied once, to its own place; each value is read by the warps that need it.
    /// </summary>
    [Fact]
    public void Copies_and_fragments_cover_the_tile_once()
    {
        CheckTile<Tile128X128>();
        CheckTile<Tile64X64>();
    }

    /// <summary>
    /// ViT-S/16 on an H200: small tiles where large ones would leave multiprocessors idle, large ones from batch 32 up.
    /// </summary>
    [Theory]
    [InlineData(1, 1152, false)]
    [InlineData(1, 384, false)]
    [InlineData(8, 384, false)]
    [InlineData(32, 384, true)]
    [InlineData(32, 1536, true)]
    [InlineData(128, 384, true)]
    [InlineData(128, 1152, true)]
    [InlineData(512, 1536, true)]
    public void Tile_of_a_product_follows_its_cost(int batch, int columns, bool large) =>
        Assert.Equal(
            large,
            TileChoice.TensorCost<Tile128X128>(197 * batch, columns, 768, 132)
                <= TileChoice.TensorCost<Tile64X64>(197 * batch, columns, 768, 132));

    /// <summary>The same for products with wgmma.</summary>
    [Theory]
    [InlineData(1, 384, false)]
    [InlineData(1, 1536, false)]
    [InlineData(8, 384, false)]
    [InlineData(32, 1152, true)]
    [InlineData(128, 384, true)]
    [InlineData(512, 1536, true)]
    public void Tile_of_a_warpgroup_product_follows_its_cost(int batch, int columns, bool large) => Assert.Same(
        large ? WarpgroupTile.Large : WarpgroupTile.Small, TileChoice.Choose(197 * batch, columns, 768, 132));

    private static void CheckTile<TTile>()
        where TTile : struct, IGemmTile
    {
        int threads = Gemm.Threads<TTile>();
        int passes = TileLayout.CopyPassRows(threads);
        foreach (int rows in new[] { Gemm.TileRows<TTile>(), Gemm.TileColumns<TTile>() })
        {
            var targets = new HashSet<int>();
            for (int thread = 0; thread < threads; thread++)
            {
                int row = TileLayout.CopyRow(thread);
                int target = TileLayout.ByteOffset(row, TileLayout.CopyChunk(thread));
                for (int pass = 0; pass < rows / passes; pass++)
                {
                    Assert.Equal(
                        TileLayout.ByteOffset(row + pass * passes, TileLayout.CopyChunk(thread)),
                        target + pass * TileLayout.CopyPassBytes(threads));
                    Assert.True(targets.Add(target + pass * TileLayout.CopyPassBytes(threads)));
                }
            }

            Assert.Equal(rows * TileLayout.RowBytes / TileLayout.ChunkBytes, targets.Count);
            Assert.Equal(rows * TileLayout.RowBytes - TileLayout.ChunkBytes, targets.Max());
        }

        // Where results are added, a lane has four neighbors of 16 columns in two fragments, and every pass alike.
        int[] quads = [.. Enumerable.Range(0, Gemm.TileColumns<TTile>()).Select(TileLayout.QuadColumn)];
        Assert.Equal(Enumerable.Range(0, quads.Length), quads.Order());
        for (int row = 0; row < quads.Length; row++)
        {
            (int fragment, int lane, int odd) = (row / 8, row % 8 / 2, row % 2);
            Assert.Equal(fragment / 2 * 16 + 4 * lane + fragment % 2 * 2 + odd, quads[row]);
            Assert.Equal(TileLayout.QuadColumn(row % passes) + row / passes * passes, quads[row]);
        }

        // A warp's results lie in its own part of the staging, which is smaller than the ring; what is stored is what
        // was staged.
        int warps = threads / TileLayout.WarpSize;
        int columns = TTile.ColumnHalves * TileLayout.HalfColumns;
        foreach (int size in new[] { 2, 4 })
        {
            int warpBytes = TileLayout.StagedWarpBytes(TTile.RowFragments, columns, size);
            Assert.InRange(warps * warpBytes, 1, TTile.Stages * (Gemm.TileRows<TTile>() + Gemm.TileColumns<TTile>()) * TileLayout.RowBytes);
            Assert.Equal(warpBytes, TileLayout.StagedFragment(1, 0, TTile.RowFragments, columns, size));
            int lanes = columns * size / TileLayout.ChunkBytes;
            for (int lane = 0; lane < TileLayout.WarpSize; lane++)
            {
                int row = lane / lanes;
                int place = TileLayout.StagedChunk(1, lane, TTile.RowFragments, columns, size);
                Assert.Equal(TileLayout.StagedFragment(1, 4 * row, TTile.RowFragments, columns, size) + lane % lanes * 16, place);
            }

            // What a warp writes at once falls on different banks: 32 lanes of 4 bytes, or a half of 8.
            int together = size == 2 ? 32 : 16;
            IEnumerable<int> banks = Enumerable.Range(0, together)
                .Select(lane => TileLayout.StagedFragment(0, lane, TTile.RowFragments, columns, size) / 4 % 32)
                .SelectMany(bank => size == 2 ? [bank] : new[] { bank, bank + 1 });
            Assert.Equal(32, banks.Distinct().Count());
        }
    }
}
