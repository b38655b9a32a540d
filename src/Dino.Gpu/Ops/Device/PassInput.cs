using Dino.Gpu.Vit;
using ILGPU;

namespace Dino.Gpu.Ops.Device;

/// <summary>The inputs of a pass on a device, and the transfers that return its results.</summary>
/// <param name="Pixels">
/// (images, height, width, 3), on the device: bytes, or floats that are normalized already.
/// </param>
/// <param name="HasFractions">Whether they are floats.</param>
/// <param name="Tables">The tables at this input size.</param>
/// <param name="Results">Copies results to the host.</param>
internal readonly record struct PassInput(ArrayView<byte> Pixels, bool HasFractions, InputTables Tables, PinnedTransfers Results);
