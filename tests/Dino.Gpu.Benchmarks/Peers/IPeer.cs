using Dino.Gpu.Imaging;

namespace Dino.Gpu.Benchmarks.Peers;

/// <summary>An implementation of the same network with the same weights.</summary>
internal interface IPeer : IDisposable
{
    string Name { get; }

    /// <summary>Whether it computes in less than float32.</summary>
    bool IsReduced { get; }

    /// <summary>Brings a batch into the form the peer takes, outside the time measured.</summary>
    void Prepare(IReadOnlyList<RgbImage> images);

    /// <summary>Runs the batch that was prepared; returns (batch, tokens, hidden) or (batch, hidden).</summary>
    ReadOnlySpan<float> Run();
}
