using Dino.Gpu.Kernels.Generated;
using Iced.Intel;

namespace Dino.Gpu.Tests.Kernels.Generated;

/// <summary>Every instruction of the encoder, decoded by another assembler.</summary>
public sealed class X64CodeTests
{
    private static readonly int[] Vectors = [0, 1, 7, 8, 15, 16, 23, 24, 31];
    private static readonly int[] Displacements = [0, 4, 16, 64, 100, 508, 512, 1536, 8128, 8192, 20_000, -64, -4096];

    [Fact]
    public void Vector_instructions_with_registers_are_those_meant()
    {
        foreach (int a in Vectors)
        {
            foreach (int b in Vectors)
            {
                Same($"vpxord zmm{a},zmm{a},zmm{a}", code => code.Clear(a));
                Same($"vcvtdq2ps zmm{a},zmm{a}", code => code.ToFloat(a));
                Same($"vmulps zmm{a},zmm{a},zmm{b}", code => code.Multiply(a, b));
                Same($"vaddps zmm{a},zmm{a},zmm{b}", code => code.Add(a, b));
                foreach (int c in Vectors)
                {
                    Same($"vdpbf16ps zmm{a},zmm{b},zmm{c}", code => code.DotBFloat16(a, b, c));
                    Same($"vpdpbusd zmm{a},zmm{b},zmm{c}", code => code.DotInt8(a, b, c));
                    Same($"vfmadd213ps zmm{a},zmm{b},zmm{c}", code => code.MultiplyAdd(a, b, c));
                }
            }
        }
    }

    [Fact]
    public void Vector_instructions_with_memory_are_those_meant()
    {
        foreach (Gpr address in Enum.GetValues<Gpr>())
        {
            foreach (int displacement in Displacements)
            {
                string memory = Memory(address, displacement);
                foreach (int a in Vectors)
                {
                    Same($"vmovups zmm{a},zmmword ptr {memory}", code => code.Load(a, address, displacement));
                    Same($"vmovups zmmword ptr {memory},zmm{a}", code => code.Store(a, address, displacement));
                    Same($"vmovups xmm{a},xmmword ptr {memory}", code => code.Load128(a, address, displacement));
                    Same($"vmovups xmmword ptr {memory},xmm{a}", code => code.Store128(a, address, displacement));
                    Same($"vpbroadcastd zmm{a},dword ptr {memory}", code => code.Broadcast(a, address, displacement));
                    Same($"vaddps zmm{a},zmm{a},zmmword ptr {memory}", code => code.Add(a, address, displacement));
                    foreach (int b in Vectors)
                    {
                        Same(
                            $"vfnmadd231ps zmm{a},zmm{b},dword ptr {memory}{{1to16}}",
                            code => code.SubtractProduct(a, b, address, displacement));
                    }
                }
            }
        }
    }

    [Fact]
    public void Integer_instructions_are_those_meant()
    {
        foreach (Gpr a in Enum.GetValues<Gpr>())
        {
            Same($"add {Name(a)},100h", code => code.Add(a, 0x100));
            Same($"mov {Name(a)},300h", code => code.Set(a, 0x300));
            foreach (Gpr b in Enum.GetValues<Gpr>())
            {
                Same($"cmp {Name(a)},{Name(b)}", code => code.Compare(a, b));
                Same($"lea {Name(a)},[{Name(b)}+{Name(a)}*4]", code => code.Scale4(a, b, a));
                foreach (int displacement in Displacements)
                    Same($"mov {Name(a)},{Memory(b, displacement)}", code => code.Load(a, b, displacement));
            }

            foreach (int displacement in Displacements)
                Same($"prefetcht0 byte ptr {Memory(a, displacement)}", code => code.Prefetch(a, displacement));
        }

        Same("ret", code => code.Return());
    }

    [Fact]
    public void Tile_instructions_are_those_meant()
    {
        Same("tilerelease", code => code.ReleaseTiles());
        for (int a = 0; a < 8; a++)
        {
            Same($"tilezero tmm{a}", code => code.ClearTile(a));
            foreach (Gpr address in Enum.GetValues<Gpr>())
            {
                Same($"ldtilecfg zmmword ptr [{Name(address)}]", code => code.LoadTileShapes(address));
                foreach (Gpr stride in Enum.GetValues<Gpr>())
                {
                    Same($"tileloadd tmm{a},[{Name(address)}+{Name(stride)}+100h]", code => code.LoadTile(a, address, stride, 0x100));
                    Same($"tilestored [{Name(address)}+{Name(stride)}+100h],tmm{a}", code => code.StoreTile(a, address, stride, 0x100));
                }
            }

            // The three must differ: the processor faults if not.
            for (int b = 0; b < 8; b++)
            {
                for (int c = 0; c < 8; c++)
                {
                    if (a == b || b == c || a == c)
                        continue;
                    Same($"tdpbf16ps tmm{a},tmm{b},tmm{c}", code => code.DotTileBFloat16(a, b, c));
                    Same($"tdpbusd tmm{a},tmm{b},tmm{c}", code => code.DotTileInt8(a, b, c));
                }
            }
        }
    }

    [Fact]
    public void A_jump_goes_to_its_place()
    {
        var code = new X64Code();
        code.Clear(0);
        int place = code.Position;
        code.Clear(1);
        code.JumpIfBelow(place);
        Instruction jump = Decode(code).Last();
        Assert.Equal(Code.Jb_rel32_64, jump.Code);
        Assert.Equal((ulong)place, jump.NearBranch64);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Tiles_use_only_registers_that_belong_to_the_function_called(bool windows)
    {
        Register[] allowed = [Register.RAX, Register.RCX, Register.RDX, Register.R8, Register.R9, Register.R10, Register.R11];
        foreach (TileKind kind in Enum.GetValues<TileKind>())
        {
            var code = new X64Code();
            TileGenerator.Tile(code, kind, TileGenerator.MaxRows, accumulate: true, windows);
            var information = new InstructionInfoFactory();
            var saved = new HashSet<Register>();
            List<Instruction> instructions = Decode(code);
            Assert.Equal(Mnemonic.Ret, instructions[^1].Mnemonic);
            foreach (Instruction instruction in instructions.SkipLast(1))
            {
                foreach (UsedRegister used in information.GetInfo(instruction).GetUsedRegisters())
                {
                    if (used.Access is OpAccess.Read or OpAccess.CondRead)
                        continue;
                    Assert.True(
                        used.Register.IsVectorRegister() || allowed.Contains(used.Register.GetFullRegister()),
                        $"{Text(instruction)} writes {used.Register}");
                }

                if (instruction.Mnemonic == Mnemonic.Vmovups && instruction.Op1Register.IsXMM())
                    saved.Add(instruction.Op1Register);
            }

            Assert.Equal(windows ? 10 : 0, saved.Count); // xmm6 to xmm15
        }
    }

    private static void Same(string expected, Action<X64Code> write)
    {
        var code = new X64Code();
        write(code);
        Instruction instruction = Assert.Single(Decode(code));
        Assert.Equal(code.Position, instruction.Length);
        Assert.Equal(expected, Text(instruction));
    }

    private static List<Instruction> Decode(X64Code code)
    {
        var reader = new ByteArrayCodeReader(code.Bytes.ToArray());
        var decoder = Decoder.Create(64, reader);
        var instructions = new List<Instruction>();
        while (reader.CanReadByte)
        {
            Instruction instruction = decoder.Decode();
            Assert.False(instruction.IsInvalid, $"invalid at {instruction.IP}");
            instructions.Add(instruction);
        }

        return instructions;
    }

    private static string Text(in Instruction instruction)
    {
        var output = new StringOutput();
        var formatter = new IntelFormatter();
        formatter.Options.MemorySizeOptions = MemorySizeOptions.Always;
        formatter.Format(instruction, output);
        string text = output.ToStringAndReset();
        return text.StartsWith("mov ", StringComparison.Ordinal) || text.StartsWith("lea ", StringComparison.Ordinal)
            ? text.Replace("qword ptr ", "", StringComparison.Ordinal)
            : text;
    }

    private static string Name(Gpr register) => register.ToString().ToLowerInvariant();

    private static string Memory(Gpr address, int displacement)
    {
        if (displacement == 0)
            return $"[{Name(address)}]";
        string digits = Math.Abs(displacement).ToString("X", System.Globalization.CultureInfo.InvariantCulture);
        string text = Math.Abs(displacement) < 10 ? digits : (char.IsAsciiDigit(digits[0]) ? digits : "0" + digits) + "h";
        return $"[{Name(address)}{(displacement < 0 ? '-' : '+')}{text}]";
    }
}
