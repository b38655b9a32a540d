using System.Diagnostics.CodeAnalysis;
using System.Numerics;
using System.Runtime.InteropServices;

namespace Dino.Gpu.Tests.Cuda;

/// <summary>
/// 32 lanes of a thread group that run the same code. Lanes that part at a branch go on by themselves, those that are
/// behind in the code first, and join where they meet again. Each register knows for which lanes it was written.
/// </summary>
internal sealed unsafe class Warp : IDisposable
{
    public const int Size = 32;
    private const uint All = uint.MaxValue;

    private readonly PtxKernel _kernel;
    private readonly int[] _groupPlace = new int[Size];
    private readonly uint[] _groupLanes = new uint[Size];
    private readonly bool[] _groupWaits = new bool[Size];
    private int _groups;
    private int _place;
    private uint _live;

    public Warp(PtxKernel kernel, ThreadGroup group, int index)
    {
        _kernel = kernel;
        Group = group;
        Index = index;
        Registers = (byte*)NativeMemory.AlignedAlloc((nuint)kernel.FrameSize, 64);
        Defined = (uint*)NativeMemory.AlignedAlloc((nuint)(4 * kernel.RegisterCount), 64);
        Bits = (uint*)NativeMemory.AlignedAlloc((nuint)(4 * kernel.RegisterCount), 64);
        new Span<byte>(Registers, kernel.FrameSize).Fill(0xff);
        new Span<uint>(Bits, kernel.RegisterCount).Clear();
        Products = new ProductQueue(kernel.HasProducts ? kernel.RegisterCount : 0);
        Addresses = (long*)NativeMemory.AlignedAlloc(Size * sizeof(long), 64);
        Local = new LocalMemory(kernel.Program.LocalSize);
    }

    /// <summary>Whose warp it is.</summary>
    public ThreadGroup Group { get; }

    public int Index { get; }

    /// <summary>Values of the registers but predicates: 32 of each, see <see cref="Reg.Offset"/>.</summary>
    public byte* Registers { get; }

    /// <summary>For each register, the lanes for which it has a value.</summary>
    public uint* Defined { get; }

    /// <summary>Values of predicates, a bit a lane.</summary>
    public uint* Bits { get; }

    /// <summary>Where the last access to global memory went.</summary>
    public DeviceAllocation? LastAllocation { get; set; }

    /// <summary>What each of its threads has for itself.</summary>
    public LocalMemory Local { get; }

    /// <summary>The addresses of an access, as scratch.</summary>
    public long* Addresses { get; }

    /// <summary>Counts barriers of the warp and of the group: accesses at the same count are not ordered.</summary>
    public int Clock
    {
        get;
        set
        {
            field = value;
            Record = Group.RecordOf(value, Index * Size);
        }
    }

    /// <summary>The record of an access of its first lane, now.</summary>
    public ulong Record { get; private set; }

    /// <summary>The place of the barrier where the warp waits; -1 where it does not.</summary>
    public int WaitsAt { get; private set; } = -1;

    public bool Done => _live == 0;

    /// <summary>What runs, for messages.</summary>
    public PtxOp Current => _kernel.Code[_place];

    /// <summary>Copies that are on their way to shared memory.</summary>
    public CopyQueue Copies { get; } = new();

    /// <summary>Products of its warpgroup that are on their way.</summary>
    public ProductQueue Products { get; }

    public T* Values<T>(Reg register)
        where T : unmanaged => (T*)(Registers + register.Offset);

    /// <summary>Sets the warp at the start of the code.</summary>
    /// <param name="lanes">Lanes that exist.</param>
    public void Start(uint lanes)
    {
        _live = lanes;
        _groups = 1;
        (_groupPlace[0], _groupLanes[0], _groupWaits[0]) = (0, lanes, false);
        WaitsAt = -1;
        Clock = 1;
        Copies.Clear();
        Products.Clear();
        Local.Reset();
        new Span<uint>(Defined, _kernel.RegisterCount).Clear();
        _kernel.SetConstants(this);
    }

    /// <summary>Goes on behind the barrier where it waits.</summary>
    public void PassBarrier(int clock)
    {
        Clock = clock;
        _groupPlace[0] = WaitsAt + 1;
        _groupWaits[0] = false;
        WaitsAt = -1;
    }

    /// <summary>Fails where a register has no value for one of the lanes.</summary>
    public void Require(uint lanes, Reg register)
    {
        if ((lanes & ~Defined[register.Index]) != 0)
            FailUndefined(lanes & ~Defined[register.Index]);
    }

    /// <summary>The record of a lane's access to shared or global memory, now.</summary>
    public ulong RecordOf(int lane) => Record + AccessRecord.OfThread(lane);

    [DoesNotReturn]
    public void Fail(FaultKind kind, uint lanes, string what) =>
        throw new CudaFault(kind, $"{what}: '{Current.Text}' in {_kernel.Program.Name}, group {Group.Name}, thread "
            + $"{Index * Size + BitOperations.TrailingZeroCount(lanes)}");

    /// <summary>Runs until every lane is done or waits at a barrier of the group, or the turn is over.</summary>
    /// <param name="turn">How many jumps backwards it may make.</param>
    public void Run(int turn)
    {
        PtxOp[] code = _kernel.Code;
        int place = 0, limit = 0;
        uint lanes = 0;
        Take(ref place, ref lanes, ref limit);
        while (lanes != 0)
        {
            if (place >= limit)
            {
                Park(place, lanes, false);
                Take(ref place, ref lanes, ref limit);
            }

            PtxOp op = code[place];
            _place = place;
            uint active = lanes;
            if (op.Predicate >= 0)
            {
                Require(lanes, new Reg(op.Predicate, 0));
                active &= op.Negated ? ~Bits[op.Predicate] : Bits[op.Predicate];
            }

            if (op.Sums.Length > 0 && active != 0)
                Products.Touch(this, active, op.Sums);
            switch (op.Flow)
            {
                case PtxFlow.Plain:
                    if (active != 0)
                        op.Run(this, active);
                    place++;
                    break;
                case PtxFlow.Branch:
                    int from = place;
                    Branch((BranchOp)op, ref place, ref lanes, active, ref limit);
                    if (place <= from && --turn < 0)
                    {
                        Park(place, lanes, false);
                        return;
                    }

                    break;
                case PtxFlow.Exit:
                    Products.CheckThatNoneIsLeft(this, active);
                    _live &= ~active;
                    lanes &= ~active;
                    place++;
                    if (lanes == 0)
                        Take(ref place, ref lanes, ref limit);
                    break;
                default:
                    if (active != lanes)
                        Fail(FaultKind.DivergentBarrier, lanes & ~active, "a predicate keeps lanes from what all do together");
                    Join(place, ref lanes);
                    if (lanes != _live)
                    {
                        Park(place, lanes, true);
                        Take(ref place, ref lanes, ref limit);
                    }
                    else if (op.Flow == PtxFlow.Warp)
                    {
                        op.Run(this, lanes);
                        place++;
                    }
                    else
                    {
                        if (_live != Group.LanesOf(Index))
                            Fail(FaultKind.DivergentBarrier, Group.LanesOf(Index) & ~_live, "threads left before a barrier");
                        Park(place, lanes, true);
                        WaitsAt = place;
                        return;
                    }

                    break;
            }
        }
    }

    public void Dispose()
    {
        NativeMemory.AlignedFree(Registers);
        NativeMemory.AlignedFree(Defined);
        NativeMemory.AlignedFree(Bits);
        NativeMemory.AlignedFree(Addresses);
        Local.Dispose();
    }

    [DoesNotReturn]
    private void FailUndefined(uint lanes) =>
        Fail(FaultKind.Uninitialized, lanes, "a register that nothing has written, or that holds what nothing has written");

    private void Branch(BranchOp op, ref int place, ref uint lanes, uint active, ref int limit)
    {
        if (active == lanes)
        {
            place = op.Target;
        }
        else if (active == 0)
        {
            place++;
        }
        else
        {
            if (op.Uniform && Group.Launch.Options.FaultsOnDivergentUniform)
                Fail(FaultKind.DivergentUniform, lanes & ~active, "lanes disagree at a branch that is marked uniform");
            Park(place + 1, lanes & ~active, false);
            Park(op.Target, active, false);
            Take(ref place, ref lanes, ref limit);
        }
    }

    /// <summary>Lays lanes aside, beside others that stand at the same place.</summary>
    private void Park(int place, uint lanes, bool waits)
    {
        for (int i = 0; i < _groups; i++)
        {
            if (_groupPlace[i] == place && _groupWaits[i] == waits)
            {
                _groupLanes[i] |= lanes;
                return;
            }
        }

        (_groupPlace[_groups], _groupLanes[_groups], _groupWaits[_groups]) = (place, lanes, waits);
        _groups++;
    }

    /// <summary>Adds those that wait for others at the same instruction.</summary>
    private void Join(int place, ref uint lanes)
    {
        for (int i = 0; i < _groups; i++)
        {
            if (_groupWaits[i] && _groupPlace[i] == place)
            {
                lanes |= _groupLanes[i];
                Remove(i);
                return;
            }
        }
    }

    /// <summary>
    /// Takes up the lanes that are furthest behind and do not wait. None left: the warp is done, or a lane waits for
    /// ever.
    /// </summary>
    private void Take(ref int place, ref uint lanes, ref int limit)
    {
        int first = -1;
        limit = int.MaxValue;
        for (int i = 0; i < _groups; i++)
        {
            if (_groupWaits[i])
                continue;
            if (first < 0 || _groupPlace[i] < _groupPlace[first])
            {
                limit = first < 0 ? int.MaxValue : _groupPlace[first];
                first = i;
            }
            else
            {
                limit = Math.Min(limit, _groupPlace[i]);
            }
        }

        if (first >= 0)
        {
            (place, lanes) = (_groupPlace[first], _groupLanes[first]);
            Remove(first);
        }
        else if (_groups == 1 && _groupLanes[0] == _live)
        {
            // The others left after these had come: all that are alive are here.
            (place, lanes) = (_groupPlace[0], _groupLanes[0]);
            Remove(0);
        }
        else if (_groups > 0)
        {
            _place = _groupPlace[0];
            Fail(FaultKind.DivergentBarrier, _live & ~_groupLanes[0], "a lane is missing where all lanes of the warp are needed");
        }
        else
        {
            lanes = 0;
        }
    }

    private void Remove(int index)
    {
        _groups--;
        (_groupPlace[index], _groupLanes[index], _groupWaits[index]) = (_groupPlace[_groups], _groupLanes[_groups], _groupWaits[_groups]);
    }
}
