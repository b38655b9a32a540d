using Dino.Gpu.Model;

namespace Dino.Gpu.Vit;

/// <summary>
/// The sizes of one forward pass: a model at one input size. Plain values: a kernel takes it as a parameter.
/// </summary>
internal readonly struct VitShape
{
    /// <summary>
    /// The <see cref="SampleStep"/> of an input that is the picture itself: one pixel, in units of 2^-32.
    /// </summary>
    public const long PictureStep = 1L << 32;

    public VitShape(VitConfig config, int inputWidth, int inputHeight)
        : this(config, inputWidth, inputHeight, inputWidth, inputHeight, PictureStep)
    {
    }

    private VitShape(VitConfig config, int inputWidth, int inputHeight, int pictureWidth, int pictureHeight, long sampleStep)
    {
        HiddenSize = config.HiddenSize;
        LayerCount = config.LayerCount;
        HeadCount = config.HeadCount;
        MlpSize = config.MlpSize;
        PatchSize = config.PatchSize;
        RegisterCount = config.RegisterCount;
        MlpKind = config.MlpKind;
        PositionKind = config.PositionKind;
        InputWidth = inputWidth;
        InputHeight = inputHeight;
        PictureWidth = pictureWidth;
        PictureHeight = pictureHeight;
        SampleStep = sampleStep;
        LayerNormEpsilon = (float)config.LayerNormEpsilon;
    }

    public int HiddenSize { get; }

    public int LayerCount { get; }

    public int HeadCount { get; }

    public int MlpSize { get; }

    public int PatchSize { get; }

    public int RegisterCount { get; }

    public MlpKind MlpKind { get; }

    public PositionKind PositionKind { get; }

    public int InputWidth { get; }

    public int InputHeight { get; }

    /// <summary>
    /// Width of the pictures on the device. It equals the input's width, unless the input is sampled from the pictures.
    /// </summary>
    public int PictureWidth { get; }

    public int PictureHeight { get; }

    /// <summary>
    /// The distance between two neighboring pixels of the input, in pixels of the picture and units of 2^-32.
    /// </summary>
    public long SampleStep { get; }

    /// <summary>
    /// Whether the input is sampled from the picture. If not, the input is the picture itself; at a scale just below 1
    /// it lacks the last pixels.
    /// </summary>
    public bool IsSampled => SampleStep != PictureStep;

    public float LayerNormEpsilon { get; }

    /// <summary>
    /// The sizes at another scale of the same pictures. The input is that of torch's <c>interpolate(scale_factor=s,
    /// mode="bilinear", align_corners=False)</c>: floor(side * s) pixels, 1 / s apart.
    /// </summary>
    /// <param name="config">The model.</param>
    /// <param name="pictureWidth">Width of the pictures.</param>
    /// <param name="pictureHeight">Height of the pictures.</param>
    /// <param name="scale">Above 0; 1 is the picture itself.</param>
    public static VitShape AtScale(VitConfig config, int pictureWidth, int pictureHeight, double scale) => new(
        config, (int)Math.Floor(pictureWidth * scale), (int)Math.Floor(pictureHeight * scale), pictureWidth, pictureHeight, StepAt(scale));

    /// <summary>The <see cref="SampleStep"/> at a scale.</summary>
    public static long StepAt(double scale) => (long)Math.Round(PictureStep / scale);

    public int HeadSize => HiddenSize / HeadCount;

    /// <summary>Rows of the MLP's first layer: twice <see cref="MlpSize"/> where it holds a gate.</summary>
    public int Fc1Size => MlpKind == MlpKind.GatedSilu ? 2 * MlpSize : MlpSize;

    /// <summary>
    /// Rows of a gated first layer of the MLP, of which some of the gate and as many of the others take turns; the last
    /// ones are filled up.
    /// </summary>
    /// <param name="mlpSize">Hidden units of the MLP.</param>
    /// <param name="group">Rows that take turns.</param>
    public static int GatedRows(int mlpSize, int group) => 2 * ((mlpSize + group - 1) / group * group);

    public int PatchLength => 3 * PatchSize * PatchSize;

    /// <summary>Columns of the patch grid. Pixels that do not fill a patch are dropped.</summary>
    public int GridWidth => InputWidth / PatchSize;

    public int GridHeight => InputHeight / PatchSize;

    public int PatchCount => GridWidth * GridHeight;

    /// <summary>Tokens before the first patch: the class token and the registers.</summary>
    public int PrefixTokenCount => 1 + RegisterCount;

    /// <summary>The class token, the registers, and one token for each patch.</summary>
    public int TokenCount => PrefixTokenCount + PatchCount;

    /// <summary>The number of rows of one image.</summary>
    public int RowCount(Rows rows) => rows switch
    {
        Rows.ClassToken => 1,
        Rows.Patches => PatchCount,
        _ => TokenCount,
    };
}
