using System.Buffers.Binary;
using Dino.Gpu.Kernels.Warpgroup;

namespace Dino.Gpu.Tests.Cuda;

/// <summary>
/// What the emulated card makes of a matrix descriptor, in every layout along k. The layouts are written down here once
/// more, from the figures of the PTX ISA ("Strides", "Swizzling Modes"), and so are the lanes that hold the results.
/// </summary>
public sealed class WarpgroupProductTests
{
    private const int Rows = 64;
    private const int Columns = 8;
    private const int Depth = 16;
    private const int SharedBytes = 20480;

    /// <param name="swizzle">0: none, 1: 128 bytes, 2: 64 bytes, 3: 32 bytes.</param>
    /// <param name="start">Where the first operand's pattern begins.</param>
    /// <param name="leading">Bytes between core matrices along k, without a swizzle.</param>
    /// <param name="stride">Bytes between eight rows and the next.</param>
    /// <param name="step">Bytes of a row before the operand: the second 16 values of a row, and so on.</param>
    [Theory]
    [InlineData(0, 16, 128, 256, 0)]
    [InlineData(0, 48, 1280, 160, 0)]
    [InlineData(1, 0, 16, 1024, 0)]
    [InlineData(1, 1024, 16, 1024, 32)]
    [InlineData(1, 0, 16, 2048, 96)]
    [InlineData(1, 384, 16, 1024, 64)]
    [InlineData(2, 512, 16, 512, 32)]
    [InlineData(2, 128, 16, 1024, 0)]
    [InlineData(3, 256, 16, 256, 0)]
    [InlineData(3, 128, 16, 512, 0)]
    public void Product_reads_what_the_descriptor_says(int swizzle, int start, int leading, int stride, int step)
    {
        var random = new Random(swizzle + start + stride + step);
        float[] a = [.. Enumerable.Range(0, Rows * Depth).Select(_ => (float)random.Next(-8, 9))];
        float[] b = [.. Enumerable.Range(0, Columns * Depth).Select(_ => (float)random.Next(-8, 9))];
        int secondStart = start + 16384;
        byte[] global = new byte[SharedBytes + 128 * 16];
        for (int row = 0; row < Rows; row++)
        {
            for (int k = 0; k < Depth; k++)
            {
                Store(global, start + Place(row, k), a[row * Depth + k]);
                if (row < Columns)
                    Store(global, secondStart + Place(row, k), b[row * Depth + k]);
            }
        }

        using var machine = new PtxMachine(new PtxProgram(Text(Descriptor(start), Descriptor(secondStart))), global);
        machine.SetAddress(0, 0);
        machine.Run((1, 1, 1), (128, 1, 1));
        machine.Read(global);
        for (int thread = 0; thread < 128; thread++)
        {
            for (int i = 0; i < 4; i++)
            {
                int row = thread / 32 * 16 + thread % 32 / 4 + (i >= 2 ? 8 : 0);
                int column = thread % 4 * 2 + i % 2;
                float expected = 0;
                for (int k = 0; k < Depth; k++)
                    expected += a[row * Depth + k] * b[column * Depth + k];
                Assert.Equal(expected, BitConverter.ToSingle(global, SharedBytes + 16 * thread + 4 * i));
            }
        }

        long Descriptor(int address)
        {
            int rowsOfPattern = swizzle switch { 1 => 8, 2 => 4, 3 => 2, _ => 1 };
            return ((long)swizzle << 62) | ((long)(address / 128 % rowsOfPattern) << 49) | ((long)(stride / 16) << 32)
                | ((long)(leading / 16) << 16) | (long)((address + step) / 16);
        }

        int Place(int row, int k)
        {
            // Eight rows, then the chunk of 16 bytes in a row: its bits are exchanged by those of the row's number.
            int chunk = (k * 2 + step) / 16;
            int group = row / 8 * stride;
            return (k % 8 * 2) + swizzle switch
            {
                1 => group + row % 8 * 128 + (chunk ^ (row % 8)) * 16,
                2 => group + row % 8 * 64 + (chunk ^ (row % 8 / 2)) * 16,
                3 => group + row % 8 * 32 + (chunk ^ (row % 8 / 4)) * 16,
                _ => group + row % 8 * 16 + k / 8 * leading,
            };
        }
    }

    /// <summary>The product's own layout is the one that its descriptors name, for every row, chunk and step of a tile.</summary>
    [Fact]
    public void Tiles_lie_where_their_descriptors_say()
    {
        for (int step = 0; step < WarpgroupLayout.RowBytes / WarpgroupLayout.StepBytes; step++)
        {
            const int Tile = 3 * WarpgroupLayout.PatternBytes;
            long bits = WarpgroupLayout.Descriptor + (Tile + step * WarpgroupLayout.StepBytes) / WarpgroupLayout.DescriptorUnit;
            var descriptor = new MatrixDescriptor(bits);
            Assert.Null(descriptor.Complaint());
            for (int row = 0; row < 256; row++)
            {
                for (int half = 0; half < 2; half++)
                    Assert.Equal(Tile + WarpgroupLayout.ByteOffset(row, 2 * step + half), descriptor.Chunk(row, half));
            }
        }
    }

    /// <summary>Results lie in what the slices leave, copies end with the tile, and groups fit a multiprocessor.</summary>
    [Fact]
    public void Results_fit_where_the_slices_were()
    {
        foreach (ProductKernel kernel in ProductKernel.All)
        {
            int pitch = Dino.Gpu.Kernels.TensorCore.TileLayout.StagedPitch(kernel.Tile.Columns, kernel.OutputSize);
            Assert.InRange(kernel.Tile.Rows * pitch, 1, kernel.Tile.Stages * kernel.Tile.StageBytes);
            Assert.Equal(0, kernel.Tile.PassRows % 8);
            Assert.Equal(0, kernel.Tile.Rows % kernel.Tile.PassRows);
            Assert.Equal(0, kernel.Tile.Columns % kernel.Tile.PassRows);
            Assert.InRange(kernel.Tile.GroupsOfOne * (kernel.Tile.SharedBytes + 1024), 1, 228 << 10);
        }
    }

    /// <summary>The peak's kernel runs without a fault; it has no result.</summary>
    [Theory]
    [InlineData(Precision.BFloat16)]
    [InlineData(Precision.Float16)]
    public void Peak_runs(Precision precision)
    {
        using var machine = new PtxMachine(new PtxProgram(PeakText.Of(precision)), new byte[16]);
        machine.Set(0, 0, 3);
        machine.Run((2, 1, 1), (PeakText.Threads, 1, 1), PeakText.SharedBytes);
        Assert.Equal(2.0 * 128 * 128 * 192, PeakText.Operations(3));
    }

    private static void Store(byte[] memory, int place, float value) =>
        BinaryPrimitives.WriteUInt16LittleEndian(memory.AsSpan(place), (ushort)(BitConverter.SingleToUInt32Bits(value) >> 16));

    /// <summary>Copies the memory to shared memory, multiplies, and stores each thread's four sums behind it.</summary>
    private static string Text(long a, long b) => $$"""
        .version 8.0
        .target sm_90a
        .address_size 64
        .visible .entry Kernel(.param .b64 memory)
        {
            .shared .align 1024 .b8 tile[{{SharedBytes}}];
            .reg .pred never; .reg .b32 t; .reg .b32 s; .reg .b64 a; .reg .b64 b; .reg .b64 d; .reg .f32 f<4>;
            mov.b32 t, %tid.x;
            shl.b32 s, t, 4;
            ld.param.b64 d, [memory];
            cvt.u64.u32 b, s;
            add.u64 d, d, b;
            {{string.Concat(Enumerable.Range(0, SharedBytes / 2048).Select(i =>
                $"cp.async.cg.shared.global [s+{2048 * i}], [d+{2048 * i}], 16, 16;\n"))}}
            cp.async.commit_group;
            cp.async.wait_group 0;
            fence.proxy.async;
            bar.sync 0;
            setp.lt.s32 never, t, 0;
            mov.b64 a, {{a}};
            mov.b64 b, {{b}};
            wgmma.fence.sync.aligned;
            wgmma.mma_async.sync.aligned.m64n8k16.f32.bf16.bf16 {f0, f1, f2, f3}, a, b, never, 1, 1, 0, 0;
            wgmma.commit_group.sync.aligned;
            wgmma.wait_group.sync.aligned 0;
            st.global.v4.f32 [d+{{SharedBytes}}], {f0, f1, f2, f3};
            ret;
        }
        """;
}
