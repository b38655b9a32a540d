namespace Dino.Gpu.Data.Embedding;

/// <summary>The model alone, pictures already decoded and resized.</summary>
/// <param name="Batch">Images in one pass.</param>
/// <param name="Outputs">What was asked for: <c>cls</c> or <c>tokens</c>.</param>
/// <param name="Seconds">Of one pass.</param>
/// <param name="ImagesPerSecond">Batch / Seconds.</param>
/// <param name="Flops">Matrix products a second.</param>
/// <param name="ShareOfPeak">Flops / PeakFlops.</param>
internal sealed record BatchResult(int Batch, string Outputs, double Seconds, double ImagesPerSecond, double Flops, double ShareOfPeak);

/// <summary>One step of the forward pass, all layers together.</summary>
/// <param name="Name">Name of the step.</param>
/// <param name="SecondsPerImage">Its time for one image.</param>
/// <param name="ShareOfTime">Of all steps.</param>
/// <param name="Flops">Matrix products a second; 0 for a step without any.</param>
/// <param name="ShareOfPeak">Flops / PeakFlops.</param>
internal sealed record StepResult(string Name, double SecondsPerImage, double ShareOfTime, double Flops, double ShareOfPeak);

/// <summary>A product of the model, measured alone.</summary>
/// <param name="Name">The layer.</param>
/// <param name="Shape">Rows, columns and depth: <c>6304x1152x384</c>.</param>
/// <param name="Flops">Of our kernel, a second.</param>
/// <param name="CublasFlops">Of cuBLAS, in the same rounds.</param>
internal sealed record ProductResult(string Name, string Shape, double Flops, double CublasFlops);

/// <summary>From files to embeddings, as <c>dino embed</c> does it.</summary>
/// <param name="Images">Files.</param>
/// <param name="Source">Where they come from.</param>
/// <param name="Batch">Images in one pass.</param>
/// <param name="Seconds">For all of them.</param>
/// <param name="ImagesPerSecond">Images / Seconds.</param>
/// <param name="ShareOfModelOnly">Of the model's own rate at that batch.</param>
/// <param name="DecodeAndResizeSeconds">Of one image on one thread.</param>
internal sealed record EndToEndResult(
    int Images, string Source, int Batch, double Seconds, double ImagesPerSecond, double ShareOfModelOnly, double DecodeAndResizeSeconds);

/// <summary>Decoding and resizing of JPEGs on one core.</summary>
/// <param name="Size">Of the pictures: <c>640x427</c>.</param>
/// <param name="Decoder">Its name: <c>skia</c>, <c>skia-fast</c> (<c>--decode fast</c>) or <c>stb</c>.</param>
/// <param name="ImagesPerSecond">On one core.</param>
internal sealed record DecodeResult(string Size, string Decoder, double ImagesPerSecond);
