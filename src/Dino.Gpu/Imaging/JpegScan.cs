namespace Dino.Gpu.Imaging;

/// <summary>What a scan brings (T.81, G.1.1.1).</summary>
/// <param name="First">First coefficient, in the order of the file.</param>
/// <param name="Last">Last coefficient.</param>
/// <param name="BitBefore">The lowest bit that earlier scans brought; 0 where this is the first.</param>
/// <param name="Bit">The lowest bit that this one brings.</param>
internal readonly record struct JpegScan(int First, int Last, int BitBefore, int Bit)
{
    /// <summary>Whether it adds a bit to what earlier scans brought.</summary>
    public bool Refines => BitBefore > 0;

    /// <summary>Notes in the components what the scan brings, each bit once.</summary>
    /// <exception cref="DinoException">
    /// It has come already, or what comes before it is missing, or codes are.
    /// </exception>
    public void Check(JpegComponent[] components, bool isProgressive)
    {
        bool isDc = First == 0;
        bool isSound = First <= Last && Last < 64 && Bit <= 13
            && (!isProgressive || (isDc ? Last == 0 : components.Length == 1))
            && (!Refines || BitBefore == Bit + 1);
        foreach (JpegComponent component in components)
        {
            for (int i = First; i <= Last && isSound; i++)
            {
                isSound = component.LowestBit[i] == (Refines ? BitBefore : -1);
                component.LowestBit[i] = Bit;
            }

            isSound &= isDc || component.LowestBit[0] >= 0;
            bool hasCodes = (!isDc || Refines || component.DcCodes is not null) && (Last == 0 || component.AcCodes is not null);
            if (!hasCodes)
                throw ImageException.Damaged("damaged JPEG: a Huffman table is missing");
        }

        if (!isSound)
            throw ImageException.Damaged("damaged JPEG: its scans do not follow each other");
    }
}
