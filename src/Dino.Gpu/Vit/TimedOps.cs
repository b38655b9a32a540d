using System.Diagnostics;

namespace Dino.Gpu.Vit;

/// <summary>Times each operation of another implementation. The forward pass itself carries no stopwatch.</summary>
/// <param name="inner">The operations.</param>
/// <param name="ticks">
/// One sum of <see cref="Stopwatch"/> ticks for each <see cref="VitOp"/>. The caller owns the memory.
/// </param>
internal unsafe struct TimedOps<TOps>(TOps inner, long* ticks) : IVitOps
    where TOps : struct, IVitOps
{
    /// <summary>The number of sums that a thread needs.</summary>
    public static int Count => (int)VitOp.Outputs + 1;

    private TOps _inner = inner;
    private long _start;

    public void UnfoldPatches()
    {
        Start();
        _inner.UnfoldPatches();
        Stop(VitOp.UnfoldPatches);
    }

    public void AssembleTokens()
    {
        Start();
        _inner.AssembleTokens();
        Stop(VitOp.AssembleTokens);
    }

    public void LayerNorm(Activation input, Norm norm, int layer, Activation output, Rows rows)
    {
        Start();
        _inner.LayerNorm(input, norm, layer, output, rows);
        Stop(VitOp.LayerNorm);
    }

    public void Linear(Activation input, Linear linear, int layer, Activation output, Rows rows)
    {
        Start();
        _inner.Linear(input, linear, layer, output, rows);
        Stop(Op(linear));
    }

    public void LinearGelu(Activation input, Linear linear, int layer, Activation output, Rows rows)
    {
        Start();
        _inner.LinearGelu(input, linear, layer, output, rows);
        Stop(Op(linear));
    }

    public void LinearGated(Activation input, Linear linear, int layer, Activation output, Rows rows)
    {
        Start();
        _inner.LinearGated(input, linear, layer, output, rows);
        Stop(Op(linear));
    }

    public void LinearAdd(Activation input, Linear linear, int layer, Activation output, Rows rows)
    {
        Start();
        _inner.LinearAdd(input, linear, layer, output, rows);
        Stop(Op(linear));
    }

    public void Rotate(Linear made)
    {
        Start();
        _inner.Rotate(made);
        Stop(VitOp.Rotation);
    }

    public void Attention(Rows queryRows)
    {
        Start();
        _inner.Attention(queryRows);
        Stop(VitOp.Attention);
    }

    public void KeepQkv(OutputPart part, int layer)
    {
        Start();
        _inner.KeepQkv(part, layer);
        Stop(VitOp.Outputs);
    }

    public void KeepAttention(int layer, Rows queryRows)
    {
        Start();
        _inner.KeepAttention(layer, queryRows);
        Stop(VitOp.Outputs);
    }

    public void StoreQueriesAndKeys(int layer)
    {
        Start();
        _inner.StoreQueriesAndKeys(layer);
        Stop(VitOp.Outputs);
    }

    public void RollOut(int layer, Rows queryRows)
    {
        Start();
        _inner.RollOut(layer, queryRows);
        Stop(VitOp.Outputs);
    }

    public void KeepRollout()
    {
        Start();
        _inner.KeepRollout();
        Stop(VitOp.Outputs);
    }

    public void KeepHiddenState(int index)
    {
        Start();
        _inner.KeepHiddenState(index);
        Stop(VitOp.Outputs);
    }

    public void BeginClassTail()
    {
        Start();
        _inner.BeginClassTail();
        Stop(VitOp.Outputs);
    }

    public void FinalNorm(OutputPart part, int layer, Rows rows)
    {
        Start();
        _inner.FinalNorm(part, layer, rows);
        Stop(VitOp.FinalNorm);
    }

    public void Synchronize() => _inner.Synchronize();

    private static VitOp Op(Linear linear) => linear switch
    {
        Vit.Linear.PatchEmbedding => VitOp.PatchEmbedding,
        Vit.Linear.Projection => VitOp.Projection,
        Vit.Linear.Fc1 => VitOp.Fc1,
        Vit.Linear.Fc2 => VitOp.Fc2,
        _ => VitOp.Qkv,
    };

    private void Start() => _start = Stopwatch.GetTimestamp();

    private readonly void Stop(VitOp op)
    {
        _inner.Synchronize();
        ticks[(int)op] += Stopwatch.GetTimestamp() - _start;
    }
}
