using System.Globalization;
using static Dino.Gpu.Tests.Cuda.LaneFunctions;

namespace Dino.Gpu.Tests.Cuda;

/// <summary>
/// From the text of an instruction to what runs it. An instruction that it does not know is an error.
/// </summary>
internal sealed class PtxDecoder(PtxKernel kernel)
{
    private static readonly Reg None = new(-1, 0);

    private PtxInstruction _instruction = null!;

    public PtxOp Decode(PtxInstruction instruction)
    {
        _instruction = instruction;
        CheckTarget();
        PtxOp op = Control() ?? Memory() ?? Atomic() ?? WholeWarp() ?? WholeWarpgroup() ?? Shift() ?? Integer() ?? Float() ?? Conversion()
            ?? throw new NotSupportedException(instruction.Text);
        op.Text = instruction.Text;
        op.Predicate = instruction.Predicate;
        op.Negated = instruction.Negated;
        return op;
    }

    private string Name => string.Join('.', _instruction.Operation);

    private PtxOp? Control() => Name switch
    {
        "bra" => new BranchOp(_instruction.Target, uniform: false),
        "bra.uni" => new BranchOp(_instruction.Target, uniform: _instruction.Predicate >= 0),
        "ret" or "exit" => new ExitOp(),
        "bar.sync" when _instruction.Operands is [{ Register: -1, Immediate: 0 }] => new BarrierOp(),
        "bar.warp.sync" when (uint)_instruction.Operands[0].Immediate == uint.MaxValue => new WarpBarrierOp(),
        "membar.cta" or "membar.gl" or "membar.sys" => new FenceOp(),
        "cp.async.commit_group" => new CommitOp(),
        "cp.async.wait_group" => new WaitOp((int)_instruction.Operands[0].Immediate),
        "cp.async.wait_all" => new WaitOp(-1),
        "fence.proxy.async" or "fence.proxy.async.shared::cta" => new ProxyFenceOp(),
        _ => null,
    };

    private PtxOp? Memory()
    {
        string[] operation = _instruction.Operation;
        PtxOperand[] o = _instruction.Operands;
        if (operation[0] == "ld" && operation[1] == "param")
            return new ParameterOp((int)o[1].Immediate, Width(operation[^1]), kernel.Register(o[0].Register));
        if (Name is "cp.async.cg.shared.global" or "cp.async.ca.shared.global")
        {
            int size = (int)o[2].Immediate;
            Assert.True(size == 16 || (size is 4 or 8 && operation[2] == "ca"), _instruction.Text);
            return new CopyOp(PlaceOf(o[0]), PlaceOf(o[1]), size, o.Length > 3 ? Source(3) : kernel.Constant(false, size));
        }

        if (operation[0] is not ("ld" or "st"))
            return null;
        bool load = operation[0] == "ld";
        PtxOperand values = o[load ? 0 : 1];
        Place place = PlaceOf(o[load ? 1 : 0]);
        MemorySpace space = operation[1] switch
        {
            "global" => MemorySpace.Global,
            "shared" => MemorySpace.Shared,
            "local" => MemorySpace.Local,
            _ => MemorySpace.Generic,
        };
        string[] modifiers = operation[(space == MemorySpace.Generic ? 1 : 2)..^1];
        int count = modifiers switch { [] => 1, ["v2"] => 2, ["v4"] => 4, _ => throw new NotSupportedException(_instruction.Text) };
        int width = Width(operation[^1]);
        int[] list = values.List ?? [values.Register];
        Assert.Equal(count, list.Length);
        if (!load && values.List is null)
            return new StoreOp(space, place, width, [Source(1, width == 8)], width == 8);
        Reg[] registers = [.. list.Select(kernel.Register)];
        bool wide = kernel.IsWide(list[0]);
        Assert.True(width < 8 || wide, _instruction.Text);
        return load ? new LoadOp(space, place, width, operation[^1][0] == 's', registers, wide)
            : new StoreOp(space, place, width, registers, wide);
    }

    /// <summary>ILGPU writes the operation before the space, as in <c>red.add.shared.f32</c>.</summary>
    private PtxOp? Atomic()
    {
        string[] operation = _instruction.Operation;
        if (operation[0] is not ("atom" or "red"))
            return null;
        MemorySpace space = operation.Contains("global") ? MemorySpace.Global
            : operation.Contains("shared") ? MemorySpace.Shared : MemorySpace.Generic;
        if (operation.Length != (space == MemorySpace.Generic ? 3 : 4)
            || AtomicOp.Function(operation[1], operation[^1]) is not { } function)
            return null;
        int place = operation[0] == "atom" ? 1 : 0;
        int last = operation[1] == "cas" ? place + 2 : place + 1;
        return new AtomicOp(
            function, space, PlaceOf(_instruction.Operands[place]), place == 1 ? Target() : None, Source(place + 1), Source(last));
    }

    private PtxOp? WholeWarp()
    {
        string[] operation = _instruction.Operation;
        PtxOperand[] o = _instruction.Operands;
        switch (operation[0])
        {
            case "ldmatrix":
                bool transposed = operation.Contains("trans");
                string expected = $"ldmatrix.sync.aligned.m8n8.x{o[0].List!.Length}{(transposed ? ".trans" : "")}.shared.b16";
                return Name == expected ? new MatrixLoadOp(PlaceOf(o[1]), transposed, List(0)) : null;
            case "mma":
                (TensorInput kind, int depth, int left) = Name switch
                {
                    "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32" => (TensorInput.Float16, 16, 4),
                    "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32" => (TensorInput.BFloat16, 16, 4),
                    "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32" => (TensorInput.TensorFloat32, 8, 4),
                    _ => throw new NotSupportedException(_instruction.Text),
                };
                Assert.True(o[0].List!.Length == 4 && o[1].List!.Length == left && o[2].List!.Length == 2 && o[3].List!.Length == 4,
                    _instruction.Text);
                return new MatrixMultiplyOp(kind, depth, List(0), List(1), List(2), List(3));
            case "shfl" when operation is ["shfl", "sync", "bfly" or "up" or "down" or "idx", "b32"]:
                Assert.Equal(uint.MaxValue, (uint)o[4].Immediate);
                return new ShuffleOp(operation[2], Target(), Source(1), Source(2), Source(3), None);
            case "vote" when Name == "vote.sync.any.pred":
                Assert.Equal(uint.MaxValue, (uint)o[2].Immediate);
                return new VoteAnyOp(Target(), Source(1));
            default:
                return null;
        }
    }

    /// <summary>Only for sm_90a, as with the assembler. Operands along k, nothing negated, sums in float32.</summary>
    private PtxOp? WholeWarpgroup()
    {
        if (_instruction.Operation[0] != "wgmma")
            return null;
        Assert.True(kernel.Program.Target == "sm_90a", $"not of {kernel.Program.Target}: {_instruction.Text}");
        PtxOperand[] o = _instruction.Operands;
        switch (Name)
        {
            case "wgmma.fence.sync.aligned":
                return new ProductFenceOp();
            case "wgmma.commit_group.sync.aligned":
                return new ProductCommitOp();
            case "wgmma.wait_group.sync.aligned":
                return new ProductWaitOp((int)o[0].Immediate);
        }

        if (_instruction.Operation is not ["wgmma", "mma_async", "sync", "aligned", var shape, "f32", "bf16" or "f16", var type]
            || type != _instruction.Operation[6] || !shape.StartsWith("m64n", StringComparison.Ordinal)
            || !shape.EndsWith("k16", StringComparison.Ordinal))
            return null;
        int columns = int.Parse(shape["m64n".Length..^"k16".Length], CultureInfo.InvariantCulture);
        Assert.True(
            columns % 8 == 0 && columns is >= 8 and <= 256 && o.Length == 8 && o[0].List!.Length == columns / 2
            && kernel.IsPredicate(o[3].Register) && o[4].Immediate == 1 && o[5].Immediate == 1 && o[6].Immediate == 0
            && o[7].Immediate == 0,
            _instruction.Text);
        return new WarpgroupMultiplyOp(
            type == "bf16" ? TensorInput.BFloat16 : TensorInput.Float16, columns, List(0), Source(1, true), Source(2, true), Source(3));
    }

    /// <summary>Shifts by a number are common, and quick.</summary>
    private PtxOp? Shift()
    {
        if (_instruction.Operation[0] is not ("shl" or "shr") || _instruction.Operands[2] is not { Register: -1, Immediate: >= 0 } distance)
            return null;
        bool left = _instruction.Operation[0] == "shl";
        return _instruction.Operation[1] switch
        {
            "b32" or "u32" when distance.Immediate < 32 => new ShiftOp<uint>(Target(), Source(1), (int)distance.Immediate, left),
            "s32" when distance.Immediate < 32 => new ShiftOp<int>(Target(), Source(1), (int)distance.Immediate, left),
            "b64" or "u64" when distance.Immediate < 64 => new ShiftOp<ulong>(Target(), Source(1, true), (int)distance.Immediate, left),
            "s64" when distance.Immediate < 64 => new ShiftOp<long>(Target(), Source(1, true), (int)distance.Immediate, left),
            _ => null,
        };
    }

    private PtxOp? Integer() => Name switch
    {
        "mov.b32" or "mov.u32" or "mov.s32" or "mov.f32" or "mov.b16" or "mov.u16" => new Move<int>(Target(), Source(1)),
        "mov.b64" or "mov.u64" or "mov.s64" => new Move<long>(Target(), Source(1, true)),
        "mov.pred" => new PredicateOp(Target(), Source(1), Source(1), (a, _) => a),
        "add.s32" or "add.u32" => new Binary<int, Add<int>>(Target(), Source(1), Source(2)),
        "add.s64" or "add.u64" => new Binary<long, Add<long>>(Target(), Source(1, true), Source(2, true)),
        "sub.s32" or "sub.u32" => new Binary<int, Subtract<int>>(Target(), Source(1), Source(2)),
        "sub.s64" or "sub.u64" => new Binary<long, Subtract<long>>(Target(), Source(1, true), Source(2, true)),
        "mul.lo.s32" or "mul.lo.u32" => new Binary<int, Multiply<int>>(Target(), Source(1), Source(2)),
        "mul.lo.s64" or "mul.lo.u64" => new Binary<long, Multiply<long>>(Target(), Source(1, true), Source(2, true)),
        "mul.hi.s32" => Lanes<int, int, MulHiS32>(2),
        "mul.hi.u32" => Lanes<uint, uint, MulHiU32>(2),
        "mul.wide.s32" => new MultiplyWideOp(Target(), Source(1), Source(2), signed: true),
        "mul.wide.u32" => new MultiplyWideOp(Target(), Source(1), Source(2), signed: false),
        "mad.lo.s32" or "mad.lo.u32" => new Ternary<int, MultiplyAdd<int>>(Target(), Source(1), Source(2), Source(3)),
        "mad.lo.s64" or "mad.lo.u64" => new Ternary<long, MultiplyAdd<long>>(Target(), Source(1, true), Source(2, true), Source(3, true)),
        "mad.wide.s32" or "mad.wide.u32" =>
            new MultiplyAddWideOp(Target(), Source(1), Source(2), Source(3, true), _instruction.Operation[2] == "s32"),
        "div.s32" => Lanes<int, int, DivS32>(2),
        "div.u32" => Lanes<uint, uint, DivU32>(2),
        "div.s64" => Lanes<long, long, DivS64>(2, true),
        "div.u64" => Lanes<ulong, ulong, DivU64>(2, true),
        "rem.s32" => Lanes<int, int, RemS32>(2),
        "rem.u32" => Lanes<uint, uint, RemU32>(2),
        "rem.s64" => Lanes<long, long, RemS64>(2, true),
        "rem.u64" => Lanes<ulong, ulong, RemU64>(2, true),
        "shl.b32" => Lanes<uint, uint, ShlB32>(2),
        "shr.u32" or "shr.b32" => Lanes<uint, uint, ShrU32>(2),
        "shr.s32" => Lanes<int, int, ShrS32>(2),
        "shl.b64" => new ShiftWideOp<ShlB64>(Target(), Source(1, true), Source(2)),
        "shr.u64" or "shr.b64" => new ShiftWideOp<ShrU64>(Target(), Source(1, true), Source(2)),
        "shr.s64" => new ShiftWideOp<ShrS64>(Target(), Source(1, true), Source(2)),
        "and.b32" => new Binary<int, And<int>>(Target(), Source(1), Source(2)),
        "or.b32" => new Binary<int, Or<int>>(Target(), Source(1), Source(2)),
        "xor.b32" => new Binary<int, Xor<int>>(Target(), Source(1), Source(2)),
        "not.b32" => new Unary<int, Complement<int>>(Target(), Source(1)),
        "neg.s32" => new Unary<int, Negate<int>>(Target(), Source(1)),
        "neg.s64" => new Unary<long, Negate<long>>(Target(), Source(1, true)),
        "abs.s32" => new Unary<int, Absolute<int>>(Target(), Source(1)),
        "and.b64" => new Binary<long, And<long>>(Target(), Source(1, true), Source(2, true)),
        "or.b64" => new Binary<long, Or<long>>(Target(), Source(1, true), Source(2, true)),
        "xor.b64" => new Binary<long, Xor<long>>(Target(), Source(1, true), Source(2, true)),
        "not.b64" => new Unary<long, Complement<long>>(Target(), Source(1, true)),
        "and.pred" => new PredicateOp(Target(), Source(1), Source(2), (a, b) => a & b),
        "or.pred" => new PredicateOp(Target(), Source(1), Source(2), (a, b) => a | b),
        "xor.pred" => new PredicateOp(Target(), Source(1), Source(2), (a, b) => a ^ b),
        "not.pred" => new PredicateOp(Target(), Source(1), Source(1), (a, _) => ~a),
        "min.s32" => new Binary<int, Least<int>>(Target(), Source(1), Source(2)),
        "max.s32" => new Binary<int, Most<int>>(Target(), Source(1), Source(2)),
        "min.u32" => new Binary<uint, Least<uint>>(Target(), Source(1), Source(2)),
        "max.u32" => new Binary<uint, Most<uint>>(Target(), Source(1), Source(2)),
        "min.s64" => new Binary<long, Least<long>>(Target(), Source(1, true), Source(2, true)),
        "max.s64" => new Binary<long, Most<long>>(Target(), Source(1, true), Source(2, true)),
        "popc.b32" => Lanes<uint, uint, PopC>(1),
        "clz.b32" => Lanes<uint, uint, Clz>(1),
        "bfe.u32" => Lanes<uint, uint, BfeU32>(3),
        "prmt.b32" => Lanes<uint, uint, PrmtB32>(3),
        "selp.b32" or "selp.u32" or "selp.s32" or "selp.f32" or "selp.b16" => new Select<int>(Target(), Source(1), Source(2), Source(3)),
        "selp.b64" or "selp.u64" or "selp.s64" => new Select<long>(Target(), Source(1, true), Source(2, true), Source(3)),
        _ when _instruction.Operation is ["setp", _, _] => Comparison(_instruction.Operation[1], _instruction.Operation[2]),
        _ => null,
    };

    private PtxOp? Float() => Name switch
    {
        "add.f32" or "add.rn.f32" => new Binary<float, Add<float>>(Target(), Source(1), Source(2)),
        "sub.f32" or "sub.rn.f32" => new Binary<float, Subtract<float>>(Target(), Source(1), Source(2)),
        "mul.f32" or "mul.rn.f32" => new Binary<float, Multiply<float>>(Target(), Source(1), Source(2)),
        "div.rn.f32" => new Binary<float, Divide<float>>(Target(), Source(1), Source(2)),
        "fma.rn.f32" => new Ternary<float, FusedMultiplyAdd>(Target(), Source(1), Source(2), Source(3)),
        "min.f32" => new Binary<float, Least<float>>(Target(), Source(1), Source(2)),
        "max.f32" => new Binary<float, Most<float>>(Target(), Source(1), Source(2)),
        "neg.f32" => new Unary<float, Negate<float>>(Target(), Source(1)),
        "abs.f32" => new Unary<float, Absolute<float>>(Target(), Source(1)),
        "sqrt.rn.f32" or "sqrt.approx.f32" => new Unary<float, SquareRoot>(Target(), Source(1)),
        "rcp.rn.f32" or "rcp.approx.f32" => new Unary<float, Reciprocal>(Target(), Source(1)),
        "rcp.approx.ftz.f32" => Lanes<float, float, RcpApproxFtz>(1),
        "rsqrt.approx.f32" => Lanes<float, float, RsqrtApprox>(1),
        "ex2.approx.f32" => Lanes<float, float, Ex2Approx>(1),
        "ex2.approx.ftz.f32" => Lanes<float, float, Ex2ApproxFtz>(1),
        "lg2.approx.f32" => Lanes<float, float, Lg2Approx>(1),
        _ => null,
    };

    private PtxOp? Conversion() => Name switch
    {
        "cvta.to.global.u64" => new Move<long>(Target(), Source(1, true)),
        "cvta.global.u64" => new Move<long>(Target(), Source(1, true)),
        "cvta.shared.u64" => new Binary<long, Add<long>>(Target(), Source(1, true), kernel.Constant(true, Place.SharedWindow)),
        "cvta.to.shared.u64" => new Binary<long, Subtract<long>>(Target(), Source(1, true), kernel.Constant(true, Place.SharedWindow)),
        "cvta.local.u64" => new Binary<long, Add<long>>(Target(), Source(1, true), kernel.Constant(true, Place.LocalWindow)),
        "cvta.to.local.u64" => new Binary<long, Subtract<long>>(Target(), Source(1, true), kernel.Constant(true, Place.LocalWindow)),
        "cvt.s64.s32" => new WidenOp(Target(), Source(1), signed: true),
        "cvt.u64.u32" or "cvt.s64.u32" => new WidenOp(Target(), Source(1), signed: false),
        "cvt.s32.s64" or "cvt.u32.u64" or "cvt.u32.s64" or "cvt.s32.u64" => Lanes<ulong, uint, CvtB32B64>(1, true),
        "cvt.s32.u8" or "cvt.u32.u8" or "cvt.u8.u32" or "cvt.u8.s32" or "cvt.u16.u8" => Lanes<uint, uint, CvtU8>(1),
        "cvt.s32.s8" or "cvt.s8.s32" => Lanes<uint, uint, CvtS8>(1),
        "cvt.s32.u16" or "cvt.u32.u16" or "cvt.u16.u32" or "cvt.u16.s32" => Lanes<uint, uint, CvtU16>(1),
        "cvt.s32.s16" or "cvt.s16.s32" => Lanes<uint, uint, CvtS16>(1),
        "cvt.rn.f32.s32" => Lanes<int, float, CvtF32S32>(1),
        "cvt.rn.f32.u32" => Lanes<uint, float, CvtF32U32>(1),
        "cvt.rn.f32.s64" => Lanes<long, float, CvtF32S64>(1, true),
        "cvt.rn.f32.u64" => Lanes<ulong, float, CvtF32U64>(1, true),
        "cvt.rzi.s32.f32" => Lanes<float, int, CvtRziS32F32>(1),
        "cvt.rzi.u32.f32" => Lanes<float, uint, CvtRziU32F32>(1),
        "cvt.rni.s32.f32" => Lanes<float, int, CvtRniS32F32>(1),
        "cvt.rn.f16.f32" => Lanes<float, uint, CvtRnF16F32>(1),
        "cvt.f32.f16" => Lanes<uint, float, CvtF32F16>(1),
        "cvt.rn.bf16.f32" => Lanes<float, uint, CvtRnBf16F32>(1),
        "cvt.rn.f16x2.f32" => Lanes<float, uint, CvtRnF16x2F32>(2),
        "cvt.rn.bf16x2.f32" => Lanes<float, uint, CvtRnBf16x2F32>(2),
        "cvt.rna.tf32.f32" => Lanes<uint, uint, CvtRnaTf32F32>(1),
        _ => null,
    };

    private PtxOp? Comparison(string relation, string type) => type switch
    {
        "s32" or "b32" => Comparison<int>(relation),
        "u32" => Comparison<uint>(relation),
        "s64" or "b64" => Comparison<long>(relation),
        "u64" => Comparison<ulong>(relation),
        "f32" => Comparison<float>(relation),
        _ => null,
    };

    /// <summary>
    /// Names that end in u are true of NaN too; of unsigned numbers lo, ls, hi and hs are lt, le, gt and ge.
    /// </summary>
    private unsafe PtxOp? Comparison<T>(string relation)
        where T : unmanaged
    {
        (Reg target, Reg a, Reg b) = (Target(), Source(1, sizeof(T) == 8), Source(2, sizeof(T) == 8));
        return relation switch
        {
            "lt" or "lo" => new Compare<T, Less<T>>(target, a, b),
            "le" or "ls" => new Compare<T, LessOrEqual<T>>(target, a, b),
            "gt" or "hi" => new Compare<T, Less<T>>(target, b, a),
            "ge" or "hs" => new Compare<T, LessOrEqual<T>>(target, b, a),
            "eq" => new Compare<T, EqualTo<T>>(target, a, b),
            "ne" => new Compare<T, Different<T>>(target, a, b),
            "ltu" => new Compare<T, LessOrEqual<T>>(target, b, a, negated: true),
            "leu" => new Compare<T, Less<T>>(target, b, a, negated: true),
            "gtu" => new Compare<T, LessOrEqual<T>>(target, a, b, negated: true),
            "geu" => new Compare<T, Less<T>>(target, a, b, negated: true),
            "equ" => new Compare<T, Different<T>>(target, a, b, negated: true),
            "neu" => new Compare<T, EqualTo<T>>(target, a, b, negated: true),
            _ => null,
        };
    }

    private Lane<TIn, TOut, TFunction> Lanes<TIn, TOut, TFunction>(int sources, bool wide = false)
        where TIn : unmanaged
        where TOut : unmanaged
        where TFunction : struct, ILane<TIn, TOut> =>
        new(Target(), Source(1, wide), Source(sources > 1 ? 2 : 1, wide), Source(sources > 2 ? 3 : 1, wide));

    /// <summary>A result goes to a register of its own width; a load may go to a wider one.</summary>
    private void CheckTarget()
    {
        string[] operation = _instruction.Operation;
        if (operation[0] is "ld" or "st" or "red" or "cp" or "mma" or "ldmatrix" or "wgmma"
            || _instruction.Operands is not [{ Register: >= 0 } target, ..])
            return;
        string type = operation[0] == "setp" ? "pred" : operation[0] == "cvt" ? operation[^2] : operation[^1];
        bool wide = type.EndsWith("64", StringComparison.Ordinal) || operation.Contains("wide");
        Assert.True(
            kernel.IsPredicate(target.Register) == (type == "pred") && kernel.IsWide(target.Register) == wide,
                $"a target of another width: {_instruction.Text}");
    }

    private Reg Target() => kernel.Register(_instruction.Operands[0].Register);

    private Reg Source(int index, bool wide = false)
    {
        PtxOperand operand = _instruction.Operands[index];
        if (operand.Register < 0)
            return kernel.Constant(wide, operand.Immediate);
        Assert.True(kernel.IsPredicate(operand.Register) || kernel.IsWide(operand.Register) == wide,
            $"a register of another width: {_instruction.Text}");
        return kernel.Register(operand.Register);
    }

    private Reg[] List(int index) => [.. _instruction.Operands[index].List!.Select(kernel.Register)];

    private Place PlaceOf(PtxOperand operand)
    {
        Assert.True(operand.IsAddress, _instruction.Text);
        return operand.Register < 0 ? new Place(None, true, operand.Immediate)
            : new Place(kernel.Register(operand.Register), kernel.IsWide(operand.Register), operand.Immediate);
    }

    private static int Width(string type) => int.Parse(type[1..], CultureInfo.InvariantCulture) / 8;
}
