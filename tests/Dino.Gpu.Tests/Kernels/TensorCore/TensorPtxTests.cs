using System.Globalization;
using System.Reflection;
using System.Text.RegularExpressions;
using Dino.Gpu.Kernels.TensorCore;

namespace Dino.Gpu.Tests.Kernels.TensorCore;

/// <summary>
/// Every kernel of the tensor-core family compiles to PTX, with the instructions it was written for. No GPU is needed.
/// Newer devices than 8.0 get the same text: see <see cref="GpuKernelTests"/>.
/// </summary>
public sealed partial class TensorPtxTests
{
    private const int SharedMemoryOfAGroup = 48 * 1024;

    private static readonly Type[] Formats = [typeof(BFloat16Format), typeof(Float16Format), typeof(TensorFloat32Format)];

    private static readonly Type[] Heads =
    [
        typeof(Head16), typeof(Head32), typeof(Head48), typeof(Head64), typeof(Head80), typeof(Head96), typeof(Head112), typeof(Head128),
    ];

    [Fact]
    public void Products_use_tensor_cores_and_no_local_memory()
    {
        MethodInfo kernel = typeof(Gemm).GetMethod(nameof(Gemm.Kernel))!;
        foreach (Type tile in new[] { typeof(Tile128X128), typeof(Tile64X64) })
        {
            foreach (Type format in Formats)
            {
                foreach (Type epilogue in new[] { typeof(StoreEpilogue<>), typeof(StoreFloatEpilogue<>),
                    typeof(GeluEpilogue<>), typeof(AddEpilogue<>), typeof(GatedEpilogue<>), typeof(AddScaledEpilogue<>) })
                {
                    string ptx = GpuKernels.Compile(kernel.MakeGenericMethod(tile, format, epilogue.MakeGenericType(format)));
                    string what = $"{tile.Name}, {format.Name}, {epilogue.Name}";
                    AssertHot(ptx, what);
                    string product = format == typeof(BFloat16Format) ? "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
                        : format == typeof(Float16Format) ? "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 "
                        : "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 ";
                    bool large = tile == typeof(Tile128X128);
                    int products = large ? 32 : 8; // a warp's fragments, in both halves of a slice
                    int stages = large ? 3 : 6;
                    int slices = 2 * stages - 1; // the loop is unrolled over the ring, and what is left of a round comes after it
                    Assert.Equal(2 * products * slices, Count(ptx, product));
                    Assert.Equal(2 * products * slices, Count(ptx, "mma.sync"));
                    Assert.Equal(2 * (large ? 8 : 4) * slices, Count(ptx, "ldmatrix.sync.aligned.m8n8.x4.shared.b16 "));
                    Assert.Equal((large ? 8 : 4) * (2 * stages - 1), Count(ptx, "cp.async.cg.shared.global ")); // before the loop and in it
                    Assert.Equal(stages - 1 + slices, Count(ptx, "cp.async.commit_group;"));
                    Assert.Equal(slices, Count(ptx, $"cp.async.wait_group {stages - 2};"));
                    int powers = epilogue == typeof(GeluEpilogue<>) ? 4 : epilogue == typeof(GatedEpilogue<>) ? 2 : 0;
                    Assert.Equal(powers * products, Count(ptx, "ex2.approx.ftz.f32"));
                }
            }
        }
    }

    [Fact]
    public void Row_kernels_use_no_local_memory()
    {
        foreach (string name in new[] { nameof(RowKernels.LayerNormKernel), nameof(RowKernels.UnfoldKernel),
            nameof(RowKernels.RoundKernel), nameof(RowKernels.UnfoldPaddedKernel), nameof(RowKernels.UnfoldFractionsKernel),
            nameof(RowKernels.RotateKernel) })
        {
            foreach (Type format in Formats)
            {
                string ptx = GpuKernels.Compile(typeof(RowKernels).GetMethod(name)!.MakeGenericMethod(format));
                Assert.Contains(".entry", ptx, StringComparison.Ordinal);
                Assert.False(ptx.Contains(".local", StringComparison.Ordinal), $"{name}, {format.Name} keeps values in local memory");
                string store = format == typeof(TensorFloat32Format) ? "st.global.v4.b32" : "st.global.v2.b32";
                bool norm = name == nameof(RowKernels.LayerNormKernel);
                int stores = norm ? 9 : name == nameof(RowKernels.RotateKernel) ? 2 : 1;
                Assert.Equal(stores, Count(ptx, store)); // a norm: eight quads in registers, and the loop over those beyond
                Assert.Equal(stores, Count(ptx, "st.global"));
                if (norm)
                {
                    Assert.Equal(10, Count(ptx, "shfl.sync.bfly"));
                    Assert.Equal(8 + 3 + 2 * 9, Count(ptx, "ld.global.v4.f32")); // input, input again in the loops, weight and bias
                    Assert.Equal(8 + 3 + 2 * 9, Count(ptx, "ld.global"));
                }
            }
        }
    }

    [Fact]
    public void Attention_uses_tensor_cores_and_no_local_memory()
    {
        foreach (Type format in Formats)
        {
            int size = format == typeof(TensorFloat32Format) ? 4 : 2;
            foreach (Type head in Heads.Where(head => size == 2 || SizeOf(head) <= 64))
            {
                string ptx = GpuKernels.Compile(
                    typeof(Attention).GetMethod(nameof(Attention.Kernel))!.MakeGenericMethod(format, head));
                AssertHot(ptx, $"{format.Name}, {head.Name}");
                string product = format == typeof(BFloat16Format) ? "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
                    : format == typeof(Float16Format) ? "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 "
                    : "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 ";
                // 16 queries by 32 keys by the head's size, twice; a product takes 16 x 8 x 32 bytes.
                Assert.Equal(2 * 16 * 32 * SizeOf(head) / (16 * 8 * 32 / size), Count(ptx, product));
                int steps = SizeOf(head) * size / 32;
                Assert.Equal(steps + 2 * steps, Count(ptx, "ldmatrix.sync.aligned.m8n8.x4.shared.b16 ")); // queries, keys
                Assert.Equal(size == 2 ? 2 * steps : 0, Count(ptx, "ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 "));
                Assert.Equal(size == 2 ? 0 : 4 * steps, Count(ptx, "ld.shared.v2.b32 "));
                Assert.Equal(size == 2 ? 0 : 4 * steps, Count(ptx, "ld.shared"));
                Assert.Equal(steps > 4 ? 24 : 20, Count(ptx, "cp.async.cg.shared.global "));
                Assert.Equal(2, Count(ptx, "cp.async.commit_group;"));
            }
        }
    }

    [Fact]
    public void Peak_is_products_in_a_loop()
    {
        foreach (Type format in Formats)
        {
            string ptx = GpuKernels.Compile(typeof(TensorPeak).GetMethod(nameof(TensorPeak.Kernel))!.MakeGenericMethod(format));
            AssertHot(ptx, format.Name);
            Assert.Equal(32, Count(ptx, "mma.sync"));
        }
    }

    private static int SizeOf(Type head) => (int)head.GetProperty(nameof(IHeadSize.Size))!.GetValue(null)!;

    private static void AssertHot(string ptx, string what)
    {
        Assert.Equal(1, Count(ptx, ".entry"));
        Assert.False(ptx.Contains(".func", StringComparison.Ordinal), $"{what} calls a function");
        Assert.False(ptx.Contains(".local", StringComparison.Ordinal), $"{what} keeps values in local memory");
        int sharedMemory = SharedPattern().Matches(ptx).Sum(match => int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture));
        Assert.InRange(sharedMemory, 1, SharedMemoryOfAGroup);
    }

    private static int Count(string text, string part) => text.Split(part).Length - 1;

    [GeneratedRegex(@"\.shared \.align \d+ \.b8 \w+\[(\d+)\]")]
    private static partial Regex SharedPattern();
}
