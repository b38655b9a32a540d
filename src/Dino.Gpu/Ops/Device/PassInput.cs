using ILGPU;

namespace Dino.Gpu.Ops.Device;

/// <summary>What a pass on a device reads, and the way back.</summary>
/// <param name="Pixels">(images, height, width, 3), on the device.</param>
/// <param name="Positions">(tokens, hidden)</param>
/// <param name="Results">Brings results to the host.</param>
internal readonly record struct PassInput(ArrayView<byte> Pixels, float[] Positions, PinnedTransfers Results);
