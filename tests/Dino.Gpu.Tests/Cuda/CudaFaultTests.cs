namespace Dino.Gpu.Tests.Cuda;

/// <summary>
/// A fault of each kind, seeded in a few lines of PTX, is found; the same lines with the remedy run. Each in several
/// orders.
/// </summary>
public sealed class CudaFaultTests
{
    private const int Bytes = 4096;

    /// <summary>Names of the cases: the fault, or null where the code is right.</summary>
    public static TheoryData<string, string?> Cases
    {
        get
        {
            var data = new TheoryData<string, string?>();
            foreach ((string name, FaultKind? kind, _) in Kernels)
                data.Add(name, kind?.ToString());
            return data;
        }
    }

    /// <summary>
    /// Code for 64 threads, of which <c>t</c> is the number, <c>m</c> the memory's address and <c>a</c> the address of
    /// the thread's own word there; <c>s</c> is the address of its word in shared memory.
    /// </summary>
    private static (string Name, FaultKind? Fault, string Code)[] Kernels { get; } =
    [
        ("a store inside", null, "st.global.b32 [a+3840], t;"),
        ("a store of numbers", null, "shl.b32 x, t, 3; cvt.u64.u32 d, x; add.u64 d, m, d; st.global.v2.f32 [d], {0f3F800000, 0f00000000};"),
        ("a store behind the end", FaultKind.OutOfBounds, "st.global.b32 [a+3844], t;"),
        ("a load before the start", FaultKind.OutOfBounds, "ld.global.b32 x, [a+-4];"),
        ("a load of shared memory behind the end", FaultKind.OutOfBounds, "st.shared.b32 [s], t; bar.sync 0; ld.shared.b32 x, [s+1028];"),
        ("an address far away", FaultKind.OutOfBounds, "mov.b64 d, 4096; ld.global.b32 x, [d];"),
        ("a thread's own word", null, "st.local.b32 [own], t; ld.local.b32 x, [own]; setp.ne.s32 p, x, t; @p st.global.b32 [m+-4], t;"),
        ("a thread's own word by a generic address", null,
            "mov.u64 d, own; cvta.local.u64 d, d; st.b32 [d+4], t; ld.local.b32 x, [own+4]; add.s32 x, x, t;"),
        ("a thread's own word behind the end", FaultKind.OutOfBounds, "st.local.b32 [own+8], t;"),
        ("a thread's own word at an odd address", FaultKind.Misaligned, "st.local.b32 [own+2], t;"),
        ("a sum with a thread's own word that nothing wrote", FaultKind.Uninitialized,
            "st.local.b32 [own], t; ld.local.b32 x, [own+4]; add.s32 y, x, t;"),
        ("four words at a multiple of 16", null, "shl.b32 x, t, 4; cvt.u64.u32 d, x; add.u64 d, m, d; ld.global.v4.b32 {x, y, z, w}, [d];"),
        ("four words at a multiple of 4", FaultKind.Misaligned, "ld.global.v4.b32 {x, y, z, w}, [a];"),
        ("a word of shared memory at an odd address", FaultKind.Misaligned, "add.u32 s, s, 2; st.shared.b32 [s], t;"),
        ("a neighbor's word behind a barrier", null, "st.shared.b32 [s], t; bar.sync 0; ld.shared.b32 x, [n]; st.global.b32 [a], x;"),
        ("a neighbor's word without a barrier", FaultKind.Race, "st.shared.b32 [s], t; ld.shared.b32 x, [n]; st.global.b32 [a], x;"),
        ("a neighbor lane's word behind the warp's barrier", null,
            "st.shared.b32 [s], t; bar.warp.sync 0xffffffff; xor.b32 y, s, 4; ld.shared.b32 x, [y];"),
        ("a neighbor lane's word without the warp's barrier", FaultKind.Race,
            "st.shared.b32 [s], t; xor.b32 y, s, 4; ld.shared.b32 x, [y];"),
        ("another warp's word behind the warp's barrier", FaultKind.Race,
            "st.shared.b32 [s], t; bar.warp.sync 0xffffffff; xor.b32 y, s, 128; ld.shared.b32 x, [y];"),
        ("overwritten while others read", FaultKind.Race, "st.shared.b32 [s], t; bar.sync 0; ld.shared.b32 x, [n]; st.shared.b32 [s], x;"),
        ("overwritten when all have read", null,
            "st.shared.b32 [s], t; bar.sync 0; ld.shared.b32 x, [n]; bar.sync 0; st.shared.b32 [s], x;"),
        ("words side by side, the last of four that another thread writes", FaultKind.Race,
            Fours + "setp.eq.s32 p, t, 2; @p st.shared.v4.b32 [y], {t, t, t, t}; setp.lt.s32 p, t, 8; @p ld.shared.b32 x, [s+4];"),
        ("words side by side, before four that another thread writes", null,
            Fours + "setp.eq.s32 p, t, 3; @p st.shared.v4.b32 [y], {t, t, t, t}; setp.lt.s32 p, t, 8; @p ld.shared.b32 x, [s+4];"),
        ("words side by side over the first of four that another thread reads", FaultKind.Race,
            Fours + "setp.eq.s32 p, t, 2; @p ld.shared.v4.b32 {x, z, w, n}, [y]; setp.lt.s32 p, t, 8; @p st.shared.b32 [s+4], t;"),
        ("words side by side, before four that another thread reads", null,
            Fours + "setp.eq.s32 p, t, 3; @p ld.shared.v4.b32 {x, z, w, n}, [y]; setp.lt.s32 p, t, 8; @p st.shared.b32 [s+4], t;"),
        ("a word of which another thread reads the second half", FaultKind.Race,
            "st.shared.b32 [s], t; bar.sync 0; setp.eq.s32 p, t, 1; @p ld.shared.u16 x, [s+-2]; "
            + "setp.eq.s32 p, t, 0; @p st.shared.b32 [s], t;"),
        ("a word beside the half that another thread reads", null,
            "st.shared.b32 [s], t; bar.sync 0; setp.eq.s32 p, t, 1; @p ld.shared.u16 x, [s+-2]; "
            + "setp.eq.s32 p, t, 2; @p st.shared.b32 [s], t;"),
        ("a word of all threads", FaultKind.Race, "st.global.b32 [m], t;"),
        ("a word that another group writes", FaultKind.Race, "mov.b32 y, %ctaid.x; setp.eq.s32 p, t, 0; @p st.global.b32 [m], y;"),
        ("a word that all groups read", null, "ld.global.b32 x, [m];"),
        ("an atomic sum of all threads", null, "red.add.global.s32 [m], t;"),
        ("an atomic sum beside a store", FaultKind.Race, "st.global.b32 [a], t; red.add.global.s32 [m], t;"),
        ("an atomic sum with memory that nothing wrote", FaultKind.Uninitialized, "red.add.global.s32 [a+2048], t;"),
        ("a word that one of all groups takes", null, "atom.cas.global.b32 x, [m], 0, t; add.s32 x, x, t;"),
        ("a sum with a register that nothing wrote", FaultKind.Uninitialized, "add.s32 x, t, y;"),
        ("a copy of a register that nothing wrote", null, "mov.b32 x, y;"),
        ("a register that only some lanes wrote", FaultKind.Uninitialized, "setp.lt.s32 p, t, 7; @p mov.b32 x, 1; add.s32 y, x, t;"),
        ("a register that nothing wrote, behind others that are done with", FaultKind.Uninitialized,
            "mov.b32 x, 1; add.s32 z, x, t; add.s32 w, z, t; st.global.b32 [a], w; add.s32 x, y, t;"),
        ("a register that the turn before wrote", null,
            "mov.b32 x, 0; done: setp.gt.s32 p, x, 0; @p add.s32 z, y, t; add.s32 y, x, t; add.s32 x, x, 1; "
            + "setp.lt.s32 p, x, 3; @p bra done;"),
        ("a register that only the turn after writes", FaultKind.Uninitialized,
            "mov.b32 x, 0; done: add.s32 z, y, x; add.s32 y, x, t; add.s32 x, x, 1; setp.lt.s32 p, x, 3; @p bra done;"),
        ("a branch on what nothing wrote", FaultKind.Uninitialized, "@p bra done; mov.b32 x, 1; done: mov.b32 y, 2;"),
        ("a sum with shared memory that nothing wrote", FaultKind.Uninitialized, "ld.shared.b32 x, [s]; add.s32 y, x, t;"),
        ("a sum with memory that nothing wrote", FaultKind.Uninitialized, "ld.global.b32 x, [a+2048]; add.s32 y, x, t;"),
        ("an undefined word stored, loaded, used", FaultKind.Uninitialized, "st.global.b32 [a], y; ld.global.b32 x, [a]; add.s32 x, x, t;"),
        ("a uniform branch on the group", null,
            "mov.b32 y, %ctaid.x; setp.eq.s32 p, y, 0; @p bra.uni done; mov.b32 x, 1; done: mov.b32 y, 2;"),
        ("a uniform branch on the thread", FaultKind.DivergentUniform,
            "setp.lt.s32 p, t, 7; @p bra.uni done; mov.b32 x, 1; done: mov.b32 y, 2;"),
        ("a branch on the thread", null, "setp.lt.s32 p, t, 7; @p bra done; mov.b32 x, 1; done: mov.b32 y, 2; bar.sync 0;"),
        ("a barrier of some lanes", FaultKind.DivergentBarrier, "setp.lt.s32 p, t, 7; @p bra done; bar.sync 0; done: mov.b32 y, 2;"),
        ("a barrier of some warps", FaultKind.DivergentBarrier, "setp.lt.s32 p, t, 32; @p bra done; bar.sync 0; done: mov.b32 y, 2;"),
        ("two barriers, one for each warp", FaultKind.DivergentBarrier,
            "setp.lt.s32 p, t, 32; @p bra other; bar.sync 0; bra done; other: bar.sync 0; done: mov.b32 y, 2;"),
        ("a barrier after some have left", FaultKind.DivergentBarrier, "setp.lt.s32 p, t, 7; @p ret; bar.sync 0;"),
        ("a shuffle of all lanes", null, "shfl.sync.bfly.b32 x, t, 1, 31, 0xffffffff; add.s32 x, x, t;"),
        ("a shuffle of some lanes", FaultKind.DivergentBarrier,
            "setp.lt.s32 p, t, 7; @p bra done; shfl.sync.bfly.b32 x, t, 1, 31, 0xffffffff; bar.sync 0; done: bar.sync 0;"),
        ("a shuffle from lanes that left", FaultKind.Uninitialized,
            "setp.lt.s32 p, t, 1; @p ret; shfl.sync.bfly.b32 x, t, 1, 31, 0xffffffff; add.s32 x, x, t;"),
        ("a vote of which some lanes are for", null,
            "setp.lt.s32 p, t, 7; vote.sync.any.pred p, p, 0xffffffff; @p bra.uni done; mov.b32 x, 1; done: mov.b32 y, 2;"),
        ("a vote that lanes of each warp win", null,
            "and.b32 x, t, 31; setp.eq.s32 p, x, 7; vote.sync.any.pred p, p, 0xffffffff; @!p add.s32 x, x, z; mov.b32 y, 2;"),
        ("a vote that no lane wins", FaultKind.Uninitialized,
            "setp.lt.s32 p, t, 0; vote.sync.any.pred p, p, 0xffffffff; @!p add.s32 x, t, z; mov.b32 y, 2;"),
        ("a vote of some lanes", FaultKind.DivergentBarrier,
            "setp.lt.s32 p, t, 7; @p bra done; vote.sync.any.pred p, p, 0xffffffff; bar.sync 0; done: bar.sync 0;"),
        ("a vote with a register that nothing wrote", FaultKind.Uninitialized, "vote.sync.any.pred p, p, 0xffffffff;"),
        ("a block that stands there twice", null, Block + Block),
        ("a block over whose end some lanes jump", FaultKind.DivergentBarrier, Block + "{ @p bra Same; bar.sync 0; Same: } mov.b32 y, 2;"),
        ("a copy that is waited for", null,
            Copy + "cp.async.commit_group; cp.async.wait_group 0; bar.sync 0; ld.shared.b32 x, [n]; add.s32 x, x, t;"),
        ("a copy that is not waited for", FaultKind.CopyInFlight, Copy + "cp.async.commit_group; bar.sync 0; ld.shared.b32 x, [n];"),
        ("a copy of which the wait is for one commit less", FaultKind.CopyInFlight,
            Copy + "cp.async.commit_group; cp.async.wait_group 1; bar.sync 0; ld.shared.b32 x, [n];"),
        ("a copy that is not committed", FaultKind.CopyInFlight, Copy + "cp.async.wait_group 0; bar.sync 0; ld.shared.b32 x, [n];"),
        ("a copy that others wait for", FaultKind.Race, Copy + "cp.async.commit_group; cp.async.wait_group 0; ld.shared.b32 x, [n];"),
        ("a copy onto what others read", FaultKind.Race, "st.shared.b32 [s], t; bar.sync 0; ld.shared.b32 x, [n];" + Copy),
        ("a product", null, Fragments + Product),
        ("a product of some lanes", FaultKind.DivergentBarrier,
            Fragments + "setp.lt.s32 p, t, 7; @p bra done; " + Product + " done: bar.sync 0;"),
        ("a product with an operand that nothing wrote", FaultKind.Uninitialized, Product),
        ("rows of a matrix on the same banks", FaultKind.BankConflict,
            "st.shared.b32 [s], t; bar.sync 0; ldmatrix.sync.aligned.m8n8.x1.shared.b16 {x}, [tile];"),
    ];

    private const string Fours = "shl.b32 y, t, 4; st.shared.v4.b32 [y], {t, t, t, t}; bar.sync 0; ";

    private const string Block = "setp.lt.s32 p, t, 7; { @p bra Same; mov.b32 x, 1; Same: } mov.b32 y, 2; ";

    private const string Copy = "shl.b32 y, t, 4; cvt.u64.u32 d, y; add.u64 d, m, d; cp.async.cg.shared.global [y], [d], 16, 16;";

    private const string Fragments =
        "mov.b32 x, 0; mov.b32 y, 0; mov.b32 z, 0; mov.b32 w, 0; "
        + "mov.f32 f0, 0f00000000; mov.f32 f1, 0f00000000; mov.f32 f2, 0f00000000; mov.f32 f3, 0f00000000;";

    private const string Product =
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {f0, f1, f2, f3}, {x, y, z, w}, {x, y}, {f0, f1, f2, f3};";

    [Theory]
    [MemberData(nameof(Cases))]
    public void Each_fault_is_found(string name, string? fault)
    {
        string code = Kernels.Single(kernel => kernel.Name == name).Code;
        var program = new PtxProgram($$"""
            .version 8.0
            .target sm_80
            .address_size 64
            .visible .entry Kernel(.param .b32 unused, .param .b64 memory)
            {
                .shared .align 16 .b8 tile[1280];
                .local .align 8 .b8 own[8];
                .reg .pred p; .reg .b32 t; .reg .b32 s; .reg .b32 n; .reg .b32 x; .reg .b32 y; .reg .b32 z; .reg .b32 w;
                .reg .b64 m; .reg .b64 a; .reg .b64 d; .reg .f32 f<4>;
                mov.b32 t, %tid.x;
                shl.b32 s, t, 2;
                xor.b32 n, s, 132;
                ld.param.b64 m, [memory];
                cvt.u64.u32 a, s;
                add.u64 a, m, a;
                {{code.Replace(":", ":\n").Replace("; done:", ";\n done:").Replace("; other:", ";\n other:")}}
                ret;
            }
            """);
        for (int seed = 1; seed <= 5; seed++)
        {
            using var machine =
                new PtxMachine(program, new byte[Bytes], defined: Bytes / 2) { Options = new EmulatorOptions { Seed = seed } };
            machine.SetAddress(1, 0);
            int groups = name.Contains("group") ? 2 : 1;
            CudaFault? found = null;
            try
            {
                machine.Run((groups, 1, 1), (64, 1, 1));
            }
            catch (CudaFault exception)
            {
                found = exception;
            }

            Assert.True(found?.Kind.ToString() == fault, $"expected {fault ?? "no fault"}, found {found?.Message ?? "none"}");
        }
    }

    /// <summary>A host that packs arguments without their alignment gives too few bytes.</summary>
    [Fact]
    public void Parameters_lie_at_multiples_of_their_alignment()
    {
        var program = new PtxProgram(
            ".visible .entry Kernel(.param .b32 a, .param .b64 b, .param .align 4 .b8 c[28], .param .align 8 .b8 d[16], "
            + ".param .b8 e, .param .b16 f) { ret; }");
        Assert.Equal([0, 8, 16, 48, 64, 66], program.ParameterOffsets);
        Assert.Equal([4, 8, 28, 16, 1, 2], program.ParameterSizes);
        Assert.Equal(68, program.ParameterSize);
        using var memory = new DeviceMemory();
        CudaFault fault = Assert.Throws<CudaFault>(() =>
            new Launch(new PtxKernel(program), memory, new byte[59], new EmulatorOptions()).Run((1, 1, 1), (1, 1, 1)));
        Assert.Equal(FaultKind.Host, fault.Kind);
    }

    [Fact]
    public void Freed_memory_is_nobodys()
    {
        using var memory = new DeviceMemory();
        long first = memory.Allocate(100).Start;
        Assert.NotNull(memory.Find(first + 99));
        Assert.Null(memory.Find(first + 100));
        Assert.True(memory.Free(first));
        Assert.Null(memory.Find(first));
        Assert.False(memory.Free(first));
        Assert.NotEqual(first, memory.Allocate(100).Start);
        Assert.Equal(100, memory.Used);
    }

    [Theory]
    [InlineData("add.s32 x, t, undeclared;")]
    [InlineData("frobnicate.s32 x, t, t;")]
    [InlineData("add.s32 d, t, t;")]
    [InlineData("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {x}, {x}, {x}, {x};")]
    public void Text_that_is_not_PTX_is_refused(string code) => Assert.ThrowsAny<Exception>(() => new PtxKernel(new PtxProgram(
        ".visible .entry Kernel(.param .b32 a) { .reg .b32 x; .reg .b32 t; .reg .b64 d; mov.b32 t, %tid.x; " + code + " ret; }")));
}
