namespace Dino.Gpu.Tests.Cuda;

/// <summary>
/// As <see cref="CudaFaultTests"/>, for the products of warpgroups: each fence, wait and barrier that is left out is
/// found, and the same lines with it run.
/// </summary>
public sealed class WarpgroupFaultTests
{
    private const string Fill = "FILL ";
    private const string Shown = "fence.proxy.async.shared::cta; ";
    private const string Barrier = "bar.sync 0; ";
    private const string Zero = "mov.f32 f0, 0f00000000; mov.f32 f1, 0f00000000; mov.f32 f2, 0f00000000; mov.f32 f3, 0f00000000; ";
    private const string Fence = "wgmma.fence.sync.aligned; ";
    private const string Product =
        "wgmma.mma_async.sync.aligned.m64n8k16.f32.bf16.bf16 {f0, f1, f2, f3}, a, b, p, 1, 1, 0, 0; ";

    private const string Other =
        "wgmma.mma_async.sync.aligned.m64n8k16.f32.f16.f16 {f4, f5, f6, f7}, a, b, never, 1, 1, 0, 0; ";

    private const string Wide =
        "wgmma.mma_async.sync.aligned.m64n16k16.f32.bf16.bf16 {f0, f1, f2, f3, f4, f5, f6, f7}, a, a, never, 1, 1, 0, 0; ";

    private const string Commit = "wgmma.commit_group.sync.aligned; ";
    private const string Wait = "wgmma.wait_group.sync.aligned 0; ";
    private const string WaitButOne = "wgmma.wait_group.sync.aligned 1; ";
    private const string Use = "add.f32 f0, f0, f1; ";
    private const string Overwrite = "st.shared.b32 [s], t; ";
    private const string Copy = "cp.async.cg.shared.global [y], [d], 16, 16; cp.async.commit_group; ";
    private const string Ready = Fill + Shown + Barrier + Zero + Fence;

    /// <summary>
    /// Code for 128 threads, of which <c>t</c> is the number and <c>s</c> the address of the thread's word in shared
    /// memory. <c>a</c> describes 64 rows of 128 bytes at its start, <c>b</c> 8 rows behind them.
    /// </summary>
    private static (string Name, FaultKind? Fault, string Code)[] Kernels { get; } =
    [
        ("a product", null, Ready + Product + Commit + Wait + Use),
        ("operands that are not shown", FaultKind.ProxyFence, Fill + Barrier + Zero + Fence + Product + Commit + Wait + Use),
        ("operands that are shown before they are written", FaultKind.ProxyFence,
            Shown + Fill + Barrier + Zero + Fence + Product + Commit + Wait + Use),
        ("operands that are shown behind the barrier", FaultKind.ProxyFence,
            Fill + Barrier + Shown + Zero + Fence + Product + Commit + Wait + Use),
        ("operands without a barrier", FaultKind.Race,
            Fill + Shown + Barrier + Overwrite + Shown + Zero + Fence + Product + Commit + Wait + Use),
        ("operands that nothing wrote", FaultKind.Uninitialized, Shown + Barrier + Zero + Fence + Product + Commit + Wait + Use),
        ("sums that nothing wrote", FaultKind.Uninitialized, Fill + Shown + Barrier + Fence + Product + Commit + Wait + Use),
        ("sums that nothing wrote and nothing reads", null, Fill + Shown + Barrier + Fence + Other + Commit + Wait),
        ("no fence", FaultKind.ProductFence, Fill + Shown + Barrier + Zero + Product + Commit + Wait + Use),
        ("a fence before the sums are set", FaultKind.ProductFence, Fill + Shown + Barrier + Fence + Zero + Product + Commit + Wait + Use),
        ("a second product into sums that were read", FaultKind.ProductFence,
            Ready + Product + Commit + Wait + Use + Product + Commit + Wait + Use),
        ("a second product into sums that were read, fenced", null,
            Ready + Product + Commit + Wait + Use + Fence + Product + Commit + Wait + Use),
        ("two products into the same sums", null, Ready + Product + Product + Commit + Product + Commit + Wait + Use),
        ("a product of another shape into the same sums", FaultKind.ProductFence, Ready + Product + Commit + Wait + Wide + Commit + Wait),
        ("a product of another shape, fenced", null, Ready + Product + Commit + Wait + Fence + Wide + Commit + Wait),
        ("sums that are not waited for", FaultKind.ProductInFlight, Ready + Product + Commit + Use + Wait),
        ("sums that are copied without a wait", FaultKind.ProductInFlight, Ready + Product + Commit + "mov.f32 f8, f0; " + Wait),
        ("sums that are set without a wait", FaultKind.ProductInFlight, Ready + Product + Commit + Zero + Wait),
        ("a product that is not committed", FaultKind.ProductInFlight, Ready + Product + Wait + Use),
        ("a wait for one group less", FaultKind.ProductInFlight, Ready + Product + Commit + WaitButOne + Use + Wait),
        ("a wait for the first of two groups", null, Ready + Product + Commit + Other + Commit + WaitButOne + Use + Wait),
        ("the second of two groups behind a wait for the first", FaultKind.ProductInFlight,
            Ready + Product + Commit + Other + Commit + WaitButOne + "add.f32 f4, f4, f5; " + Wait),
        ("an operand that is written before the others have waited", FaultKind.Race, Ready + Product + Commit + Wait + Overwrite),
        ("an operand that is written behind the barrier", null, Ready + Product + Commit + Wait + Barrier + Overwrite),
        ("an operand that is written before the wait", FaultKind.ProductInFlight,
            Ready + Product + Commit + Barrier + Overwrite + Wait),
        ("threads that leave before the wait", FaultKind.ProductInFlight, Ready + Product + Commit),
        ("a product of some lanes", FaultKind.DivergentBarrier,
            Ready + "setp.lt.s32 q, t, 7; @q bra done; " + Product + Commit + Wait + " done: bar.sync 0;"),
        ("a product of some warps", FaultKind.DivergentBarrier,
            Ready + "setp.lt.s32 q, t, 32; @q bra done; " + Product + Commit + Wait + " done: bar.sync 0;"),
        ("warps that do it in another order", FaultKind.DivergentBarrier,
            Fill + Shown + Barrier + Fence + "setp.lt.s32 q, t, 32; @q bra done; " + Commit + Wait + "bra last; done: "
            + Wait + Commit + " last: bar.sync 0;"),
        ("half a warpgroup of 64 threads", FaultKind.DivergentBarrier, Fence),
        ("lanes that disagree on an operand", FaultKind.Descriptor,
            Ready + "cvt.u64.u32 d, t; add.s64 a, a, d; " + Product + Commit + Wait),
        ("warps that disagree on an operand", FaultKind.Descriptor,
            Ready + "shr.u32 x, t, 5; shl.b32 x, x, 1; cvt.u64.u32 d, x; add.s64 a, a, d; " + Product + Commit + Wait),
        ("a pattern that begins elsewhere", FaultKind.Descriptor, Ready + "add.s64 a, a, 8; " + Product + Commit + Wait),
        ("bits without a meaning", FaultKind.Descriptor, Ready + "add.s64 a, a, 16384; " + Product + Commit + Wait),
        ("an operand behind the end", FaultKind.OutOfBounds, Ready + "add.s64 a, a, 256; " + Product + Commit + Wait),
        ("an operand that is copied", null,
            Fill + Barrier + Copy + "cp.async.wait_group 0; " + Shown + Barrier + Zero + Fence + Product + Commit + Wait + Use),
        ("an operand that is copied and not shown", FaultKind.ProxyFence,
            Fill + Shown + Barrier + Copy + "cp.async.wait_group 0; " + Barrier + Zero + Fence + Product + Commit + Wait + Use),
        ("an operand whose copy is not waited for", FaultKind.CopyInFlight,
            Fill + Barrier + Copy + Shown + Barrier + Zero + Fence + Product + Commit + Wait + Use),
        ("an operand that is copied anew before the wait", FaultKind.ProductInFlight, Ready + Product + Commit + Barrier + Copy + Wait),
    ];

    public static TheoryData<string> Cases => [.. Kernels.Select(kernel => kernel.Name)];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Each_fault_is_found(string name)
    {
        (_, FaultKind? fault, string code) = Kernels.Single(kernel => kernel.Name == name);
        var program = new PtxProgram(Text("sm_90a", code));
        for (int seed = 1; seed <= 5; seed++)
        {
            using var machine = new PtxMachine(program, new byte[2048]) { Options = new EmulatorOptions { Seed = seed } };
            machine.SetAddress(0, 0);
            CudaFault? found = null;
            try
            {
                machine.Run((1, 1, 1), (name.Contains("64 threads") ? 64 : 128, 1, 1));
            }
            catch (CudaFault exception)
            {
                found = exception;
            }

            Assert.True(found?.Kind == fault, $"expected {fault?.ToString() ?? "no fault"}, found {found?.Message ?? "none"}");
        }
    }

    /// <summary>As the assembler: only sm_90a has these instructions, and what they multiply is checked.</summary>
    [Theory]
    [InlineData("sm_90", "wgmma.fence.sync.aligned;")]
    [InlineData("sm_80", Product)]
    [InlineData("sm_90a", "wgmma.mma_async.sync.aligned.m64n12k16.f32.bf16.bf16 {f0, f1, f2, f3, f4, f5}, a, b, p, 1, 1, 0, 0;")]
    [InlineData("sm_90a", "wgmma.mma_async.sync.aligned.m64n8k16.f32.bf16.bf16 {f0, f1, f2}, a, b, p, 1, 1, 0, 0;")]
    [InlineData("sm_90a", "wgmma.mma_async.sync.aligned.m64n8k16.f32.bf16.f16 {f0, f1, f2, f3}, a, b, p, 1, 1, 0, 0;")]
    [InlineData("sm_90a", "wgmma.mma_async.sync.aligned.m64n8k16.f32.bf16.bf16 {f0, f1, f2, f3}, a, t, p, 1, 1, 0, 0;")]
    public void Text_that_is_not_PTX_is_refused(string target, string code) =>
        Assert.ThrowsAny<Exception>(() => new PtxKernel(new PtxProgram(Text(target, code))));

    private static string Text(string target, string code) => $$"""
        .version 8.0
        .target {{target}}
        .address_size 64
        .visible .entry Kernel(.param .b64 memory)
        {
            .shared .align 1024 .b8 tile[9216];
            .reg .pred p; .reg .pred never; .reg .pred q; .reg .b32 t; .reg .b32 s; .reg .b32 x; .reg .b32 y;
            .reg .b64 a; .reg .b64 b; .reg .b64 d; .reg .f32 f<9>;
            mov.b32 t, %tid.x;
            shl.b32 s, t, 2;
            mov.b32 y, tile;
            add.u32 s, s, y;
            shl.b32 y, t, 4;
            ld.param.b64 d, [memory];
            cvt.u64.u32 b, y;
            add.u64 d, d, b;
            setp.ge.s32 p, t, 0;
            setp.lt.s32 never, t, 0;
            mov.b64 a, {{Descriptor(0)}};
            mov.b64 b, {{Descriptor(8192)}};
            {{code.Replace("FILL", string.Concat(Enumerable.Range(0, 18).Select(i => $"st.shared.b32 [s+{512 * i}], 0; ")))
                .Replace(" done: ", "\ndone:\n").Replace(" last: ", "\nlast:\n")}}
            ret;
        }
        """;

    /// <summary>Rows of 128 bytes, swizzled: eight of them every 1024 bytes.</summary>
    private static long Descriptor(int address) => (1L << 62) | (64L << 32) | (1L << 16) | (long)(address / 16);
}
