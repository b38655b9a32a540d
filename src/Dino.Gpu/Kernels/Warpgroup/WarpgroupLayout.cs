using Dino.Gpu.Kernels.TensorCore;

namespace Dino.Gpu.Kernels.Warpgroup;

/// <summary>
/// Where everything is in a product with wgmma, as pure functions. Sources: the PTX ISA, "Asynchronous Warpgroup Level
/// Matrix Shared Memory Layout" and "Matrix Fragments for wgmma.mma_async.m64nNk16".
/// <para>
/// Operands. wgmma reads both operands from shared memory; here both are contiguous along k. The unit is a core matrix:
/// eight rows of 16 bytes (eight values of 16 bits). With the 128-byte swizzle a row is 128 bytes long, eight core
/// matrices lie side by side in 1024 bytes, and the 16-byte chunk of row r and column c lies at chunk c ^ (r mod 8) of its
/// row: bits 4 to 6 of an address are exchanged by its bits 7 to 9, so the pattern begins at multiples of 1024. Eight rows
/// at one chunk then lie on 32 different banks. The next eight rows follow 1024 bytes further. An operand of 16 values of
/// k is two chunks wide, and the next 16 values begin 32 bytes further, before the exchange.
/// </para>
/// <para>
/// Results. Warp w of a warpgroup has rows 16 w to 16 w + 15, in fragments of 16 rows and 8 columns as mma leaves them:
/// of fragment j a lane has row lane / 4, columns 8 j + 2 (lane mod 4) and the next, in sums 4 j and 4 j + 1, and the same
/// columns of the row that is 8 further in sums 4 j + 2 and 4 j + 3.
/// </para>
/// </summary>
internal static class WarpgroupLayout
{
    /// <summary>Rows of a product of a warpgroup.</summary>
    public const int Rows = 64;

    /// <summary>Threads of a warpgroup: four warps, of which the first is a multiple of four.</summary>
    public const int Threads = 128;

    /// <summary>Bytes of a row in one slice of k: 64 values of 16 bits, as long as the swizzle's pattern.</summary>
    public const int RowBytes = 128;

    /// <summary>Bytes of a row that one wgmma multiplies: 16 values.</summary>
    public const int StepBytes = 32;

    /// <summary>Bytes after which the swizzle repeats, and a multiple of which each tile begins at.</summary>
    public const int PatternBytes = 1024;

    /// <summary>
    /// The matrix descriptor of a tile but its address. Bits 0 to 13: address / 16, modulo 2^18. Bits 16 to 29: bytes
    /// between core matrices along k / 16, which swizzled layouts ignore. Bits 32 to 45: bytes from eight rows to the next
    /// eight / 16. Bits 49 to 51: 0, since the pattern begins at a multiple of 1024. Bits 62 and 63: 1 for the 128-byte
    /// swizzle.
    /// </summary>
    public const long Descriptor = (1L << 62) | ((long)(PatternBytes / DescriptorUnit) << 32) | (1L << 16);

    /// <summary>Bytes that a descriptor counts as one.</summary>
    public const int DescriptorUnit = 16;

    /// <summary>The addresses that a descriptor can name.</summary>
    public const int AddressMask = (1 << 18) - 1;

    /// <summary>The byte of a chunk of 16 bytes in a tile of rows.</summary>
    public static int ByteOffset(int row, int chunk) => row * RowBytes + (chunk ^ (row & 7)) * TileLayout.ChunkBytes;
}
