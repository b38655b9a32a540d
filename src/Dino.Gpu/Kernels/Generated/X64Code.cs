using System.Buffers.Binary;

namespace Dino.Gpu.Kernels.Generated;

/// <summary>A general-purpose register that both calling conventions leave to the function called.</summary>
internal enum Gpr
{
    Rax = 0,
    Rcx = 1,
    Rdx = 2,
    Rdi = 7,
    R8 = 8,
    R9 = 9,
    R10 = 10,
    R11 = 11,
}

/// <summary>
/// Writes the x86-64 instructions that the generated kernels consist of: a few of the integer unit, and those of AVX-512
/// with 512-bit registers, where .NET has no method for the ones that matter. Encodings are those of Intel's manual,
/// volume 2; the tests decode every instruction with another assembler.
/// </summary>
internal sealed class X64Code
{
    private const int Map0F = 1;
    private const int Map0F38 = 2;
    private const int NoPrefix = 0;
    private const int Prefix66 = 1;
    private const int PrefixF3 = 2;
    private const int PrefixF2 = 3;
    private const int FullVector = 64;
    private const int Word32 = 4;

    private byte[] _bytes = new byte[4096];

    /// <summary>Bytes so far: the place of the next instruction.</summary>
    public int Position { get; private set; }

    /// <summary>The code.</summary>
    public ReadOnlySpan<byte> Bytes => _bytes.AsSpan(0, Position);

    /// <summary>register = the 64-bit word at [address + displacement].</summary>
    public void Load(Gpr register, Gpr address, int displacement) => Integer(0x8B, (int)register, address, displacement);

    /// <summary>register = address + 4 * index.</summary>
    public void Scale4(Gpr register, Gpr address, Gpr index)
    {
        Byte(0x48 | ((int)register >> 3 << 2) | ((int)index >> 3 << 1) | ((int)address >> 3));
        Byte(0x8D);
        Byte(((int)register & 7) << 3 | 4);
        Byte(2 << 6 | ((int)index & 7) << 3 | ((int)address & 7));
    }

    /// <summary>register += value.</summary>
    public void Add(Gpr register, int value)
    {
        Byte(0x48 | ((int)register >> 3));
        Byte(0x81);
        Byte(0xC0 | ((int)register & 7));
        Int32(value);
    }

    /// <summary>register = value.</summary>
    public void Set(Gpr register, int value)
    {
        Byte(0x48 | ((int)register >> 3));
        Byte(0xC7);
        Byte(0xC0 | ((int)register & 7));
        Int32(value);
    }

    /// <summary>Compares two registers, for <see cref="JumpIfBelow"/>.</summary>
    public void Compare(Gpr left, Gpr right)
    {
        Byte(0x48 | ((int)right >> 3 << 2) | ((int)left >> 3));
        Byte(0x39);
        Byte(0xC0 | ((int)right & 7) << 3 | ((int)left & 7));
    }

    /// <summary>Goes to an earlier place if the left register was below the right one, unsigned.</summary>
    public void JumpIfBelow(int place)
    {
        Byte(0x0F);
        Byte(0x82);
        Int32(place - (Position + 4));
    }

    public void Return() => Byte(0xC3);

    /// <summary>Fetches the cache line of [address + displacement] into every level.</summary>
    public void Prefetch(Gpr address, int displacement)
    {
        if ((int)address > 7)
            Byte(0x41);
        Byte(0x0F);
        Byte(0x18);
        Memory(1, address, displacement, 1);
    }

    /// <summary>zmm = 0.</summary>
    public void Clear(int zmm) => Evex(Map0F, Prefix66, 0xEF, zmm, zmm, zmm);

    /// <summary>zmm = 16 floats at [address + displacement].</summary>
    public void Load(int zmm, Gpr address, int displacement) => Evex(Map0F, NoPrefix, 0x10, zmm, 0, address, displacement, FullVector);

    /// <summary>[address + displacement] = zmm.</summary>
    public void Store(int zmm, Gpr address, int displacement) => Evex(Map0F, NoPrefix, 0x11, zmm, 0, address, displacement, FullVector);

    /// <summary>xmm = 4 floats at [address + displacement].</summary>
    public void Load128(int xmm, Gpr address, int displacement) =>
        Evex(Map0F, NoPrefix, 0x10, xmm, 0, address, displacement, 16, length: 0);

    /// <summary>[address + displacement] = xmm.</summary>
    public void Store128(int xmm, Gpr address, int displacement) =>
        Evex(Map0F, NoPrefix, 0x11, xmm, 0, address, displacement, 16, length: 0);

    /// <summary>zmm = the 32-bit word at [address + displacement], in every lane.</summary>
    public void Broadcast(int zmm, Gpr address, int displacement) =>
        Evex(Map0F38, Prefix66, 0x58, zmm, 0, address, displacement, Word32);

    /// <summary>sum += the two products of bfloat16 pairs in each lane (<c>vdpbf16ps</c>).</summary>
    public void DotBFloat16(int sum, int left, int right) => Evex(Map0F38, PrefixF3, 0x52, sum, left, right);

    /// <summary>sum += the four products of unsigned by signed bytes in each lane (<c>vpdpbusd</c>).</summary>
    public void DotInt8(int sum, int unsigned, int signed) => Evex(Map0F38, Prefix66, 0x50, sum, unsigned, signed);

    /// <summary>Each lane from int32 to float, in place.</summary>
    public void ToFloat(int zmm) => Evex(Map0F, NoPrefix, 0x5B, zmm, 0, zmm);

    /// <summary>zmm *= factor.</summary>
    public void Multiply(int zmm, int factor) => Evex(Map0F, NoPrefix, 0x59, zmm, zmm, factor);

    /// <summary>zmm += other.</summary>
    public void Add(int zmm, int other) => Evex(Map0F, NoPrefix, 0x58, zmm, zmm, other);

    /// <summary>zmm += 16 floats at [address + displacement].</summary>
    public void Add(int zmm, Gpr address, int displacement) =>
        Evex(Map0F, NoPrefix, 0x58, zmm, zmm, address, displacement, FullVector);

    /// <summary>zmm = zmm * factor + addend.</summary>
    public void MultiplyAdd(int zmm, int factor, int addend) => Evex(Map0F38, Prefix66, 0xA8, zmm, factor, addend);

    /// <summary>zmm -= factor * the float at [address + displacement].</summary>
    public void SubtractProduct(int zmm, int factor, Gpr address, int displacement) =>
        Evex(Map0F38, Prefix66, 0xBC, zmm, factor, address, displacement, Word32, broadcast: true);

    /// <summary>Sets the shapes of the AMX tiles from 64 bytes at [address], and clears the tiles.</summary>
    public void LoadTileShapes(Gpr address)
    {
        Vex(NoPrefix, 0, 0, (int)address >> 3);
        Byte(0x49);
        Memory(0, address, 0, 1);
    }

    /// <summary>Gives the AMX tiles back.</summary>
    public void ReleaseTiles()
    {
        Vex(NoPrefix, 0, 0, 0);
        Byte(0x49);
        Byte(0xC0);
    }

    /// <summary>tmm = 0.</summary>
    public void ClearTile(int tmm)
    {
        Vex(PrefixF2, tmm, 0, 0);
        Byte(0x49);
        Byte(0xC0 | tmm << 3);
    }

    /// <summary>tmm = rows of 64 bytes, stride bytes apart, from [address + displacement] on.</summary>
    public void LoadTile(int tmm, Gpr address, Gpr stride, int displacement) => TileMemory(PrefixF2, tmm, address, stride, displacement);

    /// <summary>Rows of 64 bytes, stride bytes apart, from [address + displacement] on = tmm.</summary>
    public void StoreTile(int tmm, Gpr address, Gpr stride, int displacement) => TileMemory(PrefixF3, tmm, address, stride, displacement);

    /// <summary>sum += left * right, 16 rows by 16 columns of pairs of bfloat16 (<c>tdpbf16ps</c>).</summary>
    public void DotTileBFloat16(int sum, int left, int right) => DotTile(PrefixF3, 0x5C, sum, left, right);

    /// <summary>sum += left * right, of unsigned by signed bytes (<c>tdpbusd</c>).</summary>
    public void DotTileInt8(int sum, int unsigned, int signed) => DotTile(Prefix66, 0x5E, sum, unsigned, signed);

    private void DotTile(int prefix, byte opcode, int sum, int left, int right)
    {
        Vex(prefix, sum, right, 0);
        Byte(opcode);
        Byte(0xC0 | sum << 3 | left);
    }

    private void TileMemory(int prefix, int tmm, Gpr address, Gpr stride, int displacement)
    {
        Byte(0xC4);
        Byte(0x80 | (~((int)stride >> 3) & 1) << 6 | (~((int)address >> 3) & 1) << 5 | Map0F38);
        Byte(15 << 3 | prefix);
        Byte(0x4B);
        Byte(2 << 6 | tmm << 3 | 4);
        Byte(((int)stride & 7) << 3 | ((int)address & 7));
        Int32(displacement);
    }

    /// <summary>The three bytes of VEX, 128 bits, for registers below 8.</summary>
    private void Vex(int prefix, int register, int second, int b)
    {
        Byte(0xC4);
        Byte((~register & 8) << 4 | 1 << 6 | (~b & 1) << 5 | Map0F38);
        Byte((~second & 15) << 3 | prefix);
    }

    private void Integer(byte opcode, int register, Gpr address, int displacement)
    {
        Byte(0x48 | (register >> 3 << 2) | ((int)address >> 3));
        Byte(opcode);
        Memory(register, address, displacement, 1);
    }

    /// <summary>The EVEX form with three registers.</summary>
    private void Evex(int map, int prefix, byte opcode, int register, int second, int third)
    {
        EvexPrefix(map, prefix, register, second, third >> 3 & 1, third >> 4, broadcast: false, length: 2);
        Byte(opcode);
        Byte(0xC0 | (register & 7) << 3 | (third & 7));
    }

    /// <summary>The EVEX form whose last operand is in memory; a short displacement counts in operand sizes.</summary>
    private void Evex(
        int map, int prefix, byte opcode, int register, int second, Gpr address, int displacement, int size, bool broadcast = false,
        int length = 2)
    {
        EvexPrefix(map, prefix, register, second, (int)address >> 3, 0, broadcast, length);
        Byte(opcode);
        Memory(register, address, displacement, size);
    }

    /// <summary>The four bytes of EVEX: register numbers above 7 are spread over inverted bits.</summary>
    private void EvexPrefix(int map, int prefix, int register, int second, int b, int x, bool broadcast, int length)
    {
        Byte(0x62);
        Byte((~register & 8) << 4 | (~x & 1) << 6 | (~b & 1) << 5 | (~register & 16) | map);
        Byte((~second & 15) << 3 | 4 | prefix);
        Byte(length << 5 | (broadcast ? 16 : 0) | (~second & 16) >> 1);
    }

    /// <summary>[address + displacement]; rsp, rbp, r12 and r13, which are encoded otherwise, are no <see cref="Gpr"/>.</summary>
    private void Memory(int register, Gpr address, int displacement, int size)
    {
        int low = (register & 7) << 3 | ((int)address & 7);
        if (displacement == 0)
        {
            Byte(low);
        }
        else if (displacement % size == 0 && displacement / size is >= sbyte.MinValue and <= sbyte.MaxValue)
        {
            Byte(1 << 6 | low);
            Byte(displacement / size & 0xFF);
        }
        else
        {
            Byte(2 << 6 | low);
            Int32(displacement);
        }
    }

    private void Byte(int value)
    {
        Reserve(1);
        _bytes[Position++] = (byte)value;
    }

    private void Int32(int value)
    {
        Reserve(4);
        BinaryPrimitives.WriteInt32LittleEndian(_bytes.AsSpan(Position), value);
        Position += 4;
    }

    private void Reserve(int count)
    {
        if (Position + count > _bytes.Length)
            Array.Resize(ref _bytes, 2 * _bytes.Length);
    }
}
