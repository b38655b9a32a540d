using Dino.Gpu.Features;
using Dino.Gpu.Imaging;
using Dino.Gpu.Pipeline;
using Dino.Gpu.Vit;

namespace Dino.Gpu;

/// <summary>Forward passes that return more than the embedding.</summary>
public sealed partial class DinoEncoder
{
    /// <summary>
    /// Runs prepared pictures through the model, in batches of <see cref="BatchSize"/>. If the device has no room for a
    /// batch, the encoder halves the batch size and continues.
    /// </summary>
    /// <param name="images">
    /// At least one picture, as <see cref="Prepare(string)"/> or <see cref="PrepareForDevice(string)"/> return them. A
    /// picture of InputWidth x InputHeight pixels enters the model unchanged.
    /// </param>
    /// <param name="outputs">The outputs to return.</param>
    /// <param name="attentionLayers">
    /// Layers whose attention is returned, counted from 0; null for all. They are returned in ascending order.
    /// </param>
    /// <exception cref="ArgumentException">There is no picture, or one is not prepared for this device.</exception>
    /// <exception cref="ArgumentOutOfRangeException">There is no such layer or output.</exception>
    /// <exception cref="DeviceMemoryException">The device has no room for even one picture.</exception>
    /// <exception cref="ObjectDisposedException">The encoder was disposed before the last batch began.</exception>
    public DinoOutput ForwardPrepared(IReadOnlyList<RgbImage> images, DinoOutputs outputs, IReadOnlyList<int>? attentionLayers = null) =>
        ForwardLayers(images, outputs, new DinoLayers { Attentions = attentionLayers });

    /// <summary>Does the same as <see cref="ForwardPrepared"/>, with a choice of layers for every output.</summary>
    /// <param name="images">At least one picture, prepared as for <see cref="ForwardPrepared"/>.</param>
    /// <param name="outputs">The outputs to return.</param>
    /// <param name="layers">The layers to return them of.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such layer or output.</exception>
    public DinoOutput ForwardLayers(IReadOnlyList<RgbImage> images, DinoOutputs outputs, DinoLayers layers)
    {
        ArgumentNullException.ThrowIfNull(layers);
        CheckPrepared(images);
        var selection = new OutputSelection(_shape, outputs, layers);
        ForwardRequest request = selection.Request(images.Count);
        return selection.Output(_batches.Run(images, request), request);
    }

    /// <summary>
    /// Embeds each picture at several scales, as <c>eval_image_retrieval.py</c> of the original does with
    /// <c>--multiscale</c>. The class tokens at all scales of the normalized input are averaged, and the mean is scaled
    /// to length 1 (L2).
    /// </summary>
    /// <param name="images">At least one picture, prepared as for <see cref="ForwardPrepared"/>.</param>
    /// <param name="scales">
    /// Factors of the input's sides, each above 0. The input at a scale has floor(side * scale) pixels, interpolated
    /// bilinearly without antialiasing. Null for those of the original: 1, 1 / sqrt(2) and 1 / 2.
    /// </param>
    /// <returns>Only <see cref="DinoOutput.ClassToken"/>: the scaled means, (images, hidden).</returns>
    /// <exception cref="DinoException">
    /// A scale leaves no patch, or makes more pixels than an input may have.
    /// </exception>
    /// <exception cref="ArgumentException">There is no picture, one is not prepared, or there is no scale.</exception>
    public DinoOutput ForwardMultiScale(IReadOnlyList<RgbImage> images, IReadOnlyList<double>? scales = null)
    {
        CheckPrepared(images);
        ScaledInput[] inputs = Inputs(scales); // before the first pass: a wrong scale fails at once
        ForwardRequest request = new OutputSelection(_shape, DinoOutputs.ClassToken, new DinoLayers()).Request(images.Count);
        var mean = new MultiScale(images.Count, Config.HiddenSize);
        foreach (ScaledInput input in inputs)
            mean.Add(_batches.Run(images, request, input.Shape, input.Tables).Tokens);
        return new DinoOutput { ClassToken = new DinoTensor(mean.Normalized(), images.Count, Config.HiddenSize) };
    }

    /// <summary>Checks scales for <see cref="ForwardMultiScale"/> before there are pictures.</summary>
    /// <param name="scales">As for <see cref="ForwardMultiScale"/>.</param>
    /// <exception cref="DinoException">
    /// A scale leaves no patch, or makes more pixels than an input may have.
    /// </exception>
    /// <exception cref="ArgumentException">There is no scale.</exception>
    public void CheckScales(IReadOnlyList<double>? scales = null)
    {
        scales ??= MultiScale.Default;
        if (scales.Count == 0)
            throw new ArgumentException("At least one scale is needed.", nameof(scales));
        foreach (double scale in scales)
            CheckScale(scale);
    }
}
