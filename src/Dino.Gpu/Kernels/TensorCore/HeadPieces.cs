using System.Runtime.CompilerServices;

namespace Dino.Gpu.Kernels.TensorCore;

/// <summary>
/// A piece of a head in a warp's attention: 32 bytes of its queries, 16 of its values. Each piece names its own
/// registers, so each has its own PTX.
/// </summary>
internal interface IHeadPiece
{
    static abstract int Index { get; }

    /// <summary>Loads the queries of this piece from a byte of the tiles.</summary>
    static abstract void LoadQuery(int fragment);

    /// <summary>
    /// af = the queries. A product names its registers, so these moves save a text for each piece. The assembler
    /// removes the moves.
    /// </summary>
    static abstract void TakeQuery();

    /// <summary>
    /// kf = this piece of 32 keys, which begin at <paramref name="start"/>, the last 16 at <paramref name="next"/>. A lane
    /// adds its own place to such a byte of the tiles, here and below.
    /// </summary>
    static abstract void LoadKeys(int start, int next);

    /// <summary>kf = this piece of 32 keys' values of 16 bits, transposed.</summary>
    static abstract void LoadValues16(int start, int next);

    /// <summary>
    /// kf = this piece of 32 keys' values of 32 bits, eight keys from each byte: the even columns, then the odd ones. Such
    /// heads have no more than four pieces.
    /// </summary>
    static abstract void LoadValues32(int start, int second, int third, int fourth);

    /// <summary>o += p v</summary>
    static abstract void MultiplyBFloat16();

    /// <summary>o += p v</summary>
    static abstract void MultiplyFloat16();

    /// <summary>o += p v, the even columns.</summary>
    static abstract void MultiplyTensorFloat32();

    /// <summary>o += p v, the odd columns.</summary>
    static abstract void MultiplyTensorFloat32Next();

    /// <summary>result = o l of the first row: two columns of each fragment.</summary>
    static abstract void TakeFirst();

    /// <summary>result = o l of the second row.</summary>
    static abstract void TakeSecond();
}

/// <summary>An action that runs on each piece of a head.</summary>
internal interface IPieceAction<TArguments>
    where TArguments : unmanaged
{
    static abstract void Run<TPiece>(TArguments arguments)
        where TPiece : struct, IHeadPiece;
}

internal static class HeadPieces
{
    /// <summary>Runs an action on the first pieces. The compiler drops the rest.</summary>
    /// <param name="count">A constant, at most 8.</param>
    /// <param name="arguments">The arguments of the action.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void ForEach<TAction, TArguments>(int count, TArguments arguments)
        where TAction : struct, IPieceAction<TArguments>
        where TArguments : unmanaged
    {
        TAction.Run<HeadPiece0>(arguments);
        if (count > 1)
            TAction.Run<HeadPiece1>(arguments);
        if (count > 2)
            TAction.Run<HeadPiece2>(arguments);
        if (count > 3)
            TAction.Run<HeadPiece3>(arguments);
        if (count > 4)
            TAction.Run<HeadPiece4>(arguments);
        if (count > 5)
            TAction.Run<HeadPiece5>(arguments);
        if (count > 6)
            TAction.Run<HeadPiece6>(arguments);
        if (count > 7)
            TAction.Run<HeadPiece7>(arguments);
    }
}

/// <summary>A warp's queries: the first row in the tiles, the lane, bytes from row to row.</summary>
internal readonly record struct QueryPlace(int Row, int Lane, int Pitch);

/// <summary>32 keys or their values: the byte of the tiles where they begin, bytes from row to row.</summary>
internal readonly record struct TilePlace(int Start, int Pitch);

/// <summary>A row of the output: the global address of the head's first value, and the lane.</summary>
internal readonly record struct OutputPlace(long Target, int Lane);

internal readonly struct QueryLoad : IPieceAction<QueryPlace>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Run<TPiece>(QueryPlace place)
        where TPiece : struct, IHeadPiece => TPiece.LoadQuery(Attention.QueryFragment(place.Lane, place.Row, TPiece.Index, place.Pitch));
}

/// <summary>s += q k^T over a piece of the head.</summary>
internal readonly struct ScoreProduct<TFormat> : IPieceAction<TilePlace>
    where TFormat : struct, ITensorFormat
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Run<TPiece>(TilePlace keys)
        where TPiece : struct, IHeadPiece
    {
        TPiece.TakeQuery();
        TPiece.LoadKeys(keys.Start, keys.Start + 16 * keys.Pitch);
        TFormat.MultiplyScores();
    }
}

internal readonly struct ValueProduct<TFormat> : IPieceAction<TilePlace>
    where TFormat : struct, ITensorFormat
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Run<TPiece>(TilePlace values)
        where TPiece : struct, IHeadPiece => TFormat.MultiplyValues<TPiece>(values.Start, values.Pitch);
}

/// <summary>Stores a lane's results of its first row.</summary>
internal readonly struct StoreFirst<TFormat> : IPieceAction<OutputPlace>
    where TFormat : struct, ITensorFormat
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Run<TPiece>(OutputPlace place)
        where TPiece : struct, IHeadPiece
    {
        TPiece.TakeFirst();
        TFormat.StorePiece(place.Target + 16 * TPiece.Index * TFormat.ElementSize, place.Lane);
    }
}

/// <summary>Stores a lane's results of its second row.</summary>
internal readonly struct StoreSecond<TFormat> : IPieceAction<OutputPlace>
    where TFormat : struct, ITensorFormat
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Run<TPiece>(OutputPlace place)
        where TPiece : struct, IHeadPiece
    {
        TPiece.TakeSecond();
        TFormat.StorePiece(place.Target + 16 * TPiece.Index * TFormat.ElementSize, place.Lane);
    }
}
