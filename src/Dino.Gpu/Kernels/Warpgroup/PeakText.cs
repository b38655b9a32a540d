using static Dino.Gpu.Kernels.Warpgroup.WarpgroupLayout;

namespace Dino.Gpu.Kernels.Warpgroup;

/// <summary>
/// Writes the PTX that measures the peak of wgmma: every warpgroup of a large tile multiplies the same slice again and
/// again. Operands of 6 KiB take shared memory 48 cycles, and the product takes 64.
/// </summary>
internal static class PeakText
{
    private const int Steps = RowBytes / StepBytes;

    private static WarpgroupTile Tile => WarpgroupTile.Large;

    /// <summary>The name of the kernel. It has one parameter, the number of slices that it multiplies.</summary>
    public static string NameOf(Precision precision) => $"wgmma_peak_{Format(precision)}";

    /// <summary>Bytes of shared memory that a launch gives it.</summary>
    public static int SharedBytes => Tile.SharedBytes;

    /// <summary>Threads of a group.</summary>
    public static int Threads => Tile.Threads;

    /// <summary>Floating-point operations of one group, two per term.</summary>
    public static double Operations(int slices) => 2.0 * Tile.Rows * Tile.Columns * (RowBytes / sizeof(short)) * slices;

    /// <summary>The text of a module with the one kernel.</summary>
    public static string Of(Precision precision)
    {
        var text = new PtxWriter();
        text.Line(".version 8.0");
        text.Line(".target sm_90a");
        text.Line(".address_size 64");
        text.Add(".extern .shared .align 16 .b8 slices[]");
        text.Line($".visible .entry {NameOf(precision)}(.param .b32 count)");
        text.Line($".maxntid {Tile.Threads}, 1, 1");
        text.Line($".minnctapersm {Tile.GroupsOfOne}");
        text.Line("{");
        text.Add(
            $".reg .f32 acc<{Tile.Sums}>", $".reg .b64 a<{Steps}>", $".reg .b64 b<{Steps}>", ".reg .b32 value", ".reg .b32 left",
            ".reg .b32 thread", ".reg .b32 ring", ".reg .b32 place", ".reg .b32 warpgroup", ".reg .pred more", ".reg .pred always");
        text.Add(
            "ld.param.b32 left, [count]", "mov.u32 thread, %tid.x", "mov.u32 ring, slices", $"add.u32 ring, ring, {PatternBytes - 1}",
            $"and.b32 ring, ring, -{PatternBytes}", "shl.b32 place, thread, 4", "add.u32 place, place, ring");

        // Ordinary numbers in every format, other ones in each thread: a card's clock depends on what it multiplies.
        text.Add($"mad.lo.u32 value, thread, {0x00050003}, {0x3c003c00}");
        for (int byteOffset = 0; byteOffset < Tile.StageBytes; byteOffset += 16 * Tile.Threads)
            text.Add($"st.shared.v4.b32 [place+{byteOffset}], {{value, value, value, value}}");
        text.Add(
            "fence.proxy.async.shared::cta", "bar.sync 0", "shr.u32 warpgroup, thread, 7",
            "shfl.sync.idx.b32 warpgroup, warpgroup, 0, 31, 0xffffffff", $"mad.lo.s32 place, warpgroup, {Rows * RowBytes}, ring");
        AddDescriptor(text, "a");
        text.Add($"add.u32 place, ring, {Tile.InputBytes}");
        AddDescriptor(text, "b");
        for (int i = 0; i < Tile.Sums; i++)
            text.Add($"mov.f32 acc{i}, 0f00000000");
        text.Add("setp.ge.s32 always, thread, 0");
        text.Line("next_slice:");
        text.Add("wgmma.fence.sync.aligned");
        for (int step = 0; step < Steps; step++)
        {
            text.Add($"wgmma.mma_async.sync.aligned.m64n{Tile.Columns}k16.f32.{Format(precision)}.{Format(precision)} "
                + $"{PtxWriter.List("acc", Tile.Sums)}, a{step}, b{step}, always, 1, 1, 0, 0");
        }

        text.Add(
            "wgmma.commit_group.sync.aligned", "wgmma.wait_group.sync.aligned 1", "sub.s32 left, left, 1", "setp.gt.s32 more, left, 0",
            "@more bra next_slice", "wgmma.wait_group.sync.aligned 0", "bar.sync 0");

        // The sums are stored, so that the assembler does not drop them.
        text.Add("shl.b32 place, thread, 2", "add.u32 place, place, ring");
        for (int i = 0; i < Tile.Sums; i++)
            text.Add($"st.shared.f32 [place+{sizeof(float) * Tile.Threads * i}], acc{i}");
        text.Add("ret");
        text.Line("}");
        return text.ToString();
    }

    private static void AddDescriptor(PtxWriter text, string name)
    {
        text.Add(
            $"and.b32 place, place, {AddressMask}", "shr.u32 place, place, 4", $"cvt.u64.u32 {name}0, place",
            $"add.s64 {name}0, {name}0, {Descriptor}");
        for (int step = 1; step < Steps; step++)
            text.Add($"add.s64 {name}{step}, {name}0, {step * StepBytes / DescriptorUnit}");
    }

    private static string Format(Precision precision) => new ProductKernel(Tile, precision, ProductEpilogue.Store).Format;
}
