using Dino.Gpu.Devices;
using Dino.Gpu.Imaging;
using Dino.Gpu.Model;

namespace Dino.Gpu;

/// <summary>
/// A DINO ViT on one device: pictures in, embeddings out. Owns the device memory until disposed. Thread-safe: calls take turns.
/// </summary>
/// <example>
/// <code>
/// using var encoder = DinoEncoder.Load("weights/pytorch_model.bin");
/// float[] embedding = encoder.Embed("cat.jpg");
/// </code>
/// </example>
public sealed class DinoEncoder : IDisposable
{
    /// <summary>Loads a checkpoint: <c>.bin</c>, <c>.pth</c>, <c>.safetensors</c>, or <c>synthetic[:SEED]</c> for seeded weights.</summary>
    /// <exception cref="DinoException">The checkpoint or the device cannot be used.</exception>
    public static DinoEncoder Load(string weights, DinoOptions? options = null) => throw new NotImplementedException();

    /// <summary>Puts weights that are already in memory on a device.</summary>
    /// <exception cref="DinoException">The device cannot be used or the input size does not fit.</exception>
    public static DinoEncoder Create(VitWeights weights, DinoOptions? options = null) => throw new NotImplementedException();

    /// <summary>The model's sizes.</summary>
    public VitConfig Config => throw new NotImplementedException();

    /// <summary>The device it runs on.</summary>
    public DeviceInfo Device => throw new NotImplementedException();

    /// <summary>Input width in pixels.</summary>
    public int InputWidth => throw new NotImplementedException();

    /// <summary>Input height in pixels.</summary>
    public int InputHeight => throw new NotImplementedException();

    /// <summary>Decodes a file and turns it into the model's input size, on the calling thread. Thread-safe, does not wait for the device.</summary>
    /// <returns>InputWidth x InputHeight pixels for <see cref="ForwardPrepared"/>.</returns>
    /// <exception cref="DinoException">Not a readable image.</exception>
    public RgbImage Prepare(string path) => throw new NotImplementedException();

    /// <summary>Turns a picture into the model's input size, on the calling thread. Thread-safe, does not wait for the device.</summary>
    public RgbImage Prepare(RgbImage image) => throw new NotImplementedException();

    /// <summary>The embedding of one image file: the class token after the final norm, (hidden).</summary>
    /// <exception cref="DinoException">Not a readable image.</exception>
    public float[] Embed(string path) => throw new NotImplementedException();

    /// <summary>The embedding of one picture, (hidden).</summary>
    public float[] Embed(RgbImage image) => throw new NotImplementedException();

    /// <summary>The embeddings of many pictures, in order, run in batches of <see cref="DinoOptions.BatchSize"/>.</summary>
    public float[][] Embed(IReadOnlyList<RgbImage> images) => throw new NotImplementedException();

    /// <summary>One picture through the model, with the outputs asked for.</summary>
    public DinoOutput Forward(RgbImage image, DinoOutputs outputs) => throw new NotImplementedException();

    /// <summary>Pictures of any sizes through the model as one batch, with the outputs asked for.</summary>
    public DinoOutput Forward(IReadOnlyList<RgbImage> images, DinoOutputs outputs) => throw new NotImplementedException();

    /// <summary>As <see cref="Forward(IReadOnlyList{RgbImage}, DinoOutputs)"/>, keeping the attention of some layers only.</summary>
    /// <param name="images">At least one picture.</param>
    /// <param name="outputs">What to return.</param>
    /// <param name="attentionLayers">Layers whose attention is kept, counted from 0; returned in ascending order.</param>
    public DinoOutput Forward(IReadOnlyList<RgbImage> images, DinoOutputs outputs, IReadOnlyList<int> attentionLayers) => throw new NotImplementedException();

    /// <summary>As Forward, for pictures that already are InputWidth x InputHeight, such as <see cref="Prepare(string)"/> returns.</summary>
    /// <exception cref="ArgumentException">A picture has another size.</exception>
    public DinoOutput ForwardPrepared(IReadOnlyList<RgbImage> images, DinoOutputs outputs, IReadOnlyList<int>? attentionLayers = null) => throw new NotImplementedException();

    /// <summary>Frees the device memory and the device.</summary>
    public void Dispose() => throw new NotImplementedException();
}
