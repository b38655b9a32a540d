using System.Buffers.Binary;

namespace Dino.Gpu.Tests.Kernels.TensorCore;

/// <summary>
/// Runs one thread group of a kernel's PTX on the host, slowly, as the PTX ISA defines it: threads one after another up to the next instruction
/// that a warp or the group does together. It is unkind where the ISA allows it: what cp.async overwrites is NaN from the moment it is asked
/// for, and arrives no sooner than a wait demands; uninitialised registers and shared memory are NaN; warps take turns in changing order. Addresses
/// have to be aligned and inside the memory given, and the eight rows of a matrix that ldmatrix reads have to lie on different banks.
/// </summary>
internal sealed class PtxMachine(PtxProgram program, byte[] parameters, byte[] global, int threads, int groupWidth = int.MaxValue)
{
    private const int WarpSize = 32;

    private readonly byte[] _shared = new byte[program.SharedSize];
    private readonly Thread[] _threads = [.. Enumerable.Range(0, threads).Select(_ => new Thread(program.RegisterCount))];

    /// <summary>Runs the group at (x, y, z) to its end.</summary>
    public void Run(int groupX, int groupY, int groupZ = 0)
    {
        Array.Fill(_shared, (byte)0xff);
        for (int i = 0; i < _threads.Length; i++)
        {
            _threads[i].Reset();
            Set(i, "%tid.x", i % groupWidth);
            Set(i, "%tid.y", i / groupWidth);
            Set(i, "%ctaid.x", groupX);
            Set(i, "%ctaid.y", groupY);
            Set(i, "%ctaid.z", groupZ);
        }

        int warps = _threads.Length / WarpSize;
        for (int turn = 0; !Array.TrueForAll(_threads, thread => thread.Done); turn++)
        {
            for (int i = 0; i < warps; i++)
                RunWarp(turn % 2 == 0 ? i : warps - 1 - i);
            // Every thread that is not done stands at the same barrier.
            Thread[] waiting = [.. _threads.Where(thread => !thread.Done)];
            Assert.True(waiting.Length is 0 || waiting.Length == _threads.Length, "some threads left before a barrier");
            Assert.True(waiting.Select(thread => thread.Position).Distinct().Count() <= 1, "threads wait at different barriers");
            foreach (Thread thread in waiting)
                thread.Position++;
        }
    }

    private void RunWarp(int warp)
    {
        Span<Thread> lanes = _threads.AsSpan(warp * WarpSize, WarpSize);
        while (true)
        {
            foreach (Thread lane in lanes)
                RunThread(lane);
            if (lanes[0].Done)
            {
                foreach (Thread lane in lanes)
                    Assert.True(lane.Done, "a lane is missing at the end");
                return;
            }

            PtxInstruction instruction = program.Instructions[lanes[0].Position];
            foreach (Thread lane in lanes)
                Assert.True(!lane.Done && lane.Position == lanes[0].Position, $"a lane is missing: {instruction.Text}");
            switch (instruction.Operation[0])
            {
                case "bar" when instruction.Operation[1] == "sync":
                    return;
                case "bar":
                    Assert.Equal(0xffffffff, instruction.Operands[0].Immediate);
                    break;
                case "ldmatrix":
                    LoadMatrix(lanes, instruction);
                    break;
                case "shfl":
                    Shuffle(lanes, instruction);
                    break;
                case "bra":
                    Branch(lanes, instruction);
                    continue;
                default:
                    Multiply(lanes, instruction);
                    break;
            }

            foreach (Thread lane in lanes)
                lane.Position++;
        }
    }

    /// <summary>Up to the next instruction that needs the other lanes.</summary>
    private void RunThread(Thread thread)
    {
        while (!thread.Done)
        {
            PtxInstruction instruction = program.Instructions[thread.Position];
            if (instruction.Operation[0] is "ldmatrix" or "mma" or "bar" or "shfl" || IsUniformBranch(instruction))
                return;
            thread.Position++;
            if (instruction.Predicate >= 0 && (thread.Registers[instruction.Predicate] != 0) == instruction.Negated)
                continue;
            if (instruction.Operation[0] == "bra")
                thread.Position = instruction.Target;
            else if (instruction.Operation[0] == "ret")
                thread.Done = true;
            else
                Execute(thread, instruction);
        }
    }

    /// <summary>A conditional branch of which the text promises that the lanes agree.</summary>
    private static bool IsUniformBranch(PtxInstruction instruction) =>
        instruction.Operation[0] == "bra" && instruction.Predicate >= 0 && instruction.Operation[^1] == "uni";

    private static void Branch(Span<Thread> lanes, PtxInstruction instruction)
    {
        bool taken = lanes[0].Registers[instruction.Predicate] != 0 != instruction.Negated;
        foreach (Thread lane in lanes)
        {
            Assert.True(lane.Registers[instruction.Predicate] != 0 != instruction.Negated == taken, $"lanes disagree: {instruction.Text}");
            lane.Position = taken ? instruction.Target : lane.Position + 1;
        }
    }

    private void Execute(Thread thread, PtxInstruction instruction)
    {
        PtxOperand[] o = instruction.Operands;
        switch (string.Join('.', instruction.Operation))
        {
            case "cp.async.cg.shared.global":
                StartCopy(thread, (int)Address(thread, o[0]), Address(thread, o[1]), (int)Value(thread, o[2]), o.Length > 3 ? (int)Value(thread, o[3]) : 16);
                return;
            case "cp.async.commit_group":
                thread.Groups.Enqueue(thread.Copies);
                thread.Copies = [];
                return;
            case "cp.async.wait_group":
                while (thread.Groups.Count > o[0].Immediate)
                    Finish(thread.Groups.Dequeue());
                return;
            case "ld.param.b32" or "ld.param.f32":
                thread.Registers[o[0].Register] = BinaryPrimitives.ReadInt32LittleEndian(parameters.AsSpan((int)o[1].Immediate));
                return;
            case "ld.param.b64":
                thread.Registers[o[0].Register] = BinaryPrimitives.ReadInt64LittleEndian(parameters.AsSpan((int)o[1].Immediate));
                return;
        }

        if (instruction.Operation[0] is "ld" or "st")
        {
            Transfer(thread, instruction);
            return;
        }

        long first = Value(thread, o[1]);
        long second = o.Length > 2 ? Value(thread, o[2]) : 0;
        long third = o.Length > 3 ? Value(thread, o[3]) : 0;
        thread.Registers[o[0].Register] = PtxArithmetic.Compute(instruction, first, second, third);
    }

    private void Transfer(Thread thread, PtxInstruction instruction)
    {
        string[] operation = instruction.Operation;
        bool load = operation[0] == "ld";
        PtxOperand place = instruction.Operands[load ? 1 : 0];
        PtxOperand values = instruction.Operands[load ? 0 : 1];
        int[] registers = values.List ?? [values.Register];
        Assert.True(operation[^1] is "b32" or "f32", instruction.Text);
        Assert.Equal(operation[^2] switch { "v4" => 4, "v2" => 2, _ => 1 }, registers.Length);
        Span<byte> memory = Memory(operation[1] == "shared" ? _shared : global, Address(thread, place), 4 * registers.Length, instruction.Text);
        for (int i = 0; i < registers.Length; i++)
        {
            if (load)
                thread.Registers[registers[i]] = BinaryPrimitives.ReadInt32LittleEndian(memory[(4 * i)..]);
            else
                BinaryPrimitives.WriteInt32LittleEndian(memory[(4 * i)..], (int)thread.Registers[registers[i]]);
        }
    }

    private void StartCopy(Thread thread, int target, long source, int size, int sourceSize)
    {
        Assert.Equal(16, size);
        Assert.InRange(sourceSize, 0, 16);
        byte[] data = new byte[16];
        Memory(global, source, 16, "cp.async")[..sourceSize].CopyTo(data);
        Memory(_shared, target, 16, "cp.async").Fill(0xff);
        thread.Copies.Add((target, data));
    }

    private void Finish(List<(int Target, byte[] Data)> copies)
    {
        foreach ((int target, byte[] data) in copies)
            data.CopyTo(_shared, target);
    }

    private void LoadMatrix(Span<Thread> lanes, PtxInstruction instruction)
    {
        bool transposed = instruction.Operation.Contains("trans");
        Assert.Equal(transposed ? "ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16" : "ldmatrix.sync.aligned.m8n8.x4.shared.b16", string.Join('.', instruction.Operation));
        for (int matrix = 0; matrix < 4; matrix++)
        {
            byte[][] rows = new byte[8][];
            var banks = new HashSet<long>();
            for (int row = 0; row < 8; row++)
            {
                long address = Address(lanes[8 * matrix + row], instruction.Operands[1]);
                rows[row] = Memory(_shared, address, 16, instruction.Text).ToArray();
                Assert.True(banks.Add(address / 16 % 8), $"bank conflict: {instruction.Text}");
            }

            for (int lane = 0; lane < WarpSize; lane++)
            {
                int register = instruction.Operands[0].List![matrix];
                int low = transposed ? BitConverter.ToUInt16(rows[lane % 4 * 2], lane / 4 * 2) : BitConverter.ToUInt16(rows[lane / 4], lane % 4 * 4);
                int high = transposed ? BitConverter.ToUInt16(rows[lane % 4 * 2 + 1], lane / 4 * 2) : BitConverter.ToUInt16(rows[lane / 4], lane % 4 * 4 + 2);
                lanes[lane].Registers[register] = (high << 16) | low;
            }
        }
    }

    /// <summary>d (16, 8) = a (16, k) b (k, 8) + c: the fragment layouts of the PTX ISA, "Matrix Fragments for mma.m16n8k16 / m16n8k8".</summary>
    private static void Multiply(Span<Thread> lanes, PtxInstruction instruction)
    {
        string operation = string.Join('.', instruction.Operation);
        bool tensorFloat = operation == "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32";
        bool brain = operation == "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32";
        Assert.True(tensorFloat || brain || operation == "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32", operation);
        int depth = tensorFloat ? 8 : 16;
        double[,] a = new double[16, depth];
        double[,] b = new double[depth, 8];
        PtxOperand[] o = instruction.Operands;
        for (int lane = 0; lane < WarpSize; lane++)
        {
            int group = lane / 4;
            int inGroup = lane % 4;
            for (int i = 0; i < (tensorFloat ? 4 : 8); i++)
            {
                if (tensorFloat)
                    a[i is 0 or 2 ? group : group + 8, i < 2 ? inGroup : inGroup + 4] = PtxArithmetic.TensorFloat(lanes[lane].Registers[o[1].List![i]]);
                else
                    a[i is 0 or 1 or 4 or 5 ? group : group + 8, 2 * inGroup + i % 2 + (i < 4 ? 0 : 8)] = PtxArithmetic.Half(lanes[lane].Registers[o[1].List![i / 2]], i % 2, brain);
            }

            for (int i = 0; i < (tensorFloat ? 2 : 4); i++)
            {
                if (tensorFloat)
                    b[i == 0 ? inGroup : inGroup + 4, group] = PtxArithmetic.TensorFloat(lanes[lane].Registers[o[2].List![i]]);
                else
                    b[2 * inGroup + i % 2 + (i < 2 ? 0 : 8), group] = PtxArithmetic.Half(lanes[lane].Registers[o[2].List![i / 2]], i % 2, brain);
            }
        }

        for (int lane = 0; lane < WarpSize; lane++)
        {
            for (int i = 0; i < 4; i++)
            {
                double sum = BitConverter.Int32BitsToSingle((int)lanes[lane].Registers[o[3].List![i]]);
                for (int k = 0; k < depth; k++)
                    sum += a[i < 2 ? lane / 4 : lane / 4 + 8, k] * b[k, 2 * (lane % 4) + i % 2];
                lanes[lane].Registers[o[0].List![i]] = BitConverter.SingleToInt32Bits((float)sum);
            }
        }
    }

    private static void Shuffle(Span<Thread> lanes, PtxInstruction instruction)
    {
        Assert.Equal("shfl.sync.bfly.b32", string.Join('.', instruction.Operation));
        Assert.Equal(31, instruction.Operands[3].Immediate);
        Assert.Equal(0xffffffff, instruction.Operands[4].Immediate);
        long[] values = new long[WarpSize];
        for (int lane = 0; lane < WarpSize; lane++)
            values[lane] = lanes[lane].Registers[instruction.Operands[1].Register];
        for (int lane = 0; lane < WarpSize; lane++)
            lanes[lane].Registers[instruction.Operands[0].Register] = values[lane ^ (int)instruction.Operands[2].Immediate];
    }

    private static Span<byte> Memory(byte[] memory, long address, int size, string what)
    {
        Assert.True(address % size == 0, $"address {address} is not aligned to {size}: {what}");
        Assert.True(address >= 0 && address + size <= memory.Length, $"address {address} is outside: {what}");
        return memory.AsSpan((int)address, size);
    }

    private static long Address(Thread thread, PtxOperand operand)
    {
        Assert.True(operand.IsAddress);
        return thread.Registers[operand.Register] + operand.Immediate;
    }

    private static long Value(Thread thread, PtxOperand operand) => operand.Register < 0 ? operand.Immediate : thread.Registers[operand.Register];

    private void Set(int thread, string special, int value)
    {
        if (program.Special(special) is int register and >= 0)
            _threads[thread].Registers[register] = value;
    }

    private sealed class Thread(int registers)
    {
        public long[] Registers { get; } = new long[registers];

        public int Position { get; set; }

        public bool Done { get; set; }

        public List<(int Target, byte[] Data)> Copies { get; set; } = [];

        public Queue<List<(int Target, byte[] Data)>> Groups { get; } = new();

        public void Reset()
        {
            Array.Fill(Registers, 0x7fffffff);
            (Position, Done, Copies) = (0, false, []);
            Groups.Clear();
        }
    }
}
