using ILGPU;

namespace Dino.Gpu.Ops.Device;

/// <summary>The inputs of a pass on a device, and the transfers that return its results.</summary>
/// <param name="Pixels">(images, height, width, 3), on the device.</param>
/// <param name="Positions">(tokens, hidden)</param>
/// <param name="Results">Copies results to the host.</param>
internal readonly record struct PassInput(ArrayView<byte> Pixels, float[] Positions, PinnedTransfers Results);
